-- What sends wait for, and since when: the newest word of the ledger, by cause. `until` is when one send is tried again; null when only a
-- person or an event of Meta ends the wait.
create table holds (
    tenant_id uuid not null,
    scope text not null check (scope in ('number', 'account', 'app', 'template', 'flow')),
    name text not null,
    code int,
    detail text,
    since timestamptz not null,
    until timestamptz,
    refusals int not null,
    primary key (tenant_id, scope, name)
);

alter table holds enable row level security;
alter table holds force row level security;
create policy tenant on holds using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy worker on holds to sluice_worker using (true) with check (true);
grant select on holds to sluice_app;
grant select, insert, update, delete on holds to sluice_worker;
