-- What a message costs, as the tenant's contract with Meta says; country '*' is every other one.
create table rates (
    tenant_id uuid not null references tenants (id) on delete cascade,
    country text not null check (country ~ '^([A-Z]{2}|[*])$'),
    category text not null check (category ~ '^[A-Z_]+$'),
    price numeric not null check (price >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    primary key (tenant_id, category, country)
);
alter table rates enable row level security;
alter table rates force row level security;
create policy tenant on rates using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
grant select, insert, delete on rates to sluice_app;
