-- What Meta says of numbers and templates, read anew every hour and whenever Meta tells of a change.
alter table numbers add column told_limit int check (told_limit >= 0);
alter table numbers add column health jsonb;
alter table numbers add column health_at timestamptz;
alter table numbers add column health_error text;

alter table templates add column quality text;
alter table templates add column reason text;
