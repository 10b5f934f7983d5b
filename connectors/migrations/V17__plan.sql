-- What a tenant may send at most, messages a second over all its numbers; 0 for no limit of its own.
alter table tenants add column messages_per_second int not null default 0 check (messages_per_second >= 0);
