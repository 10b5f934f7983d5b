-- Who wants no offers: the newest word of the ledger, by person.
create table opt_outs (
    tenant_id uuid not null,
    person text not null,
    source text not null check (source in ('word', 'preference', 'refusal', 'operator')),
    detail text,
    since timestamptz not null,
    primary key (tenant_id, person)
);
create index opt_outs_newest on opt_outs (tenant_id, since desc, person desc);

alter table opt_outs enable row level security;
alter table opt_outs force row level security;
create policy tenant on opt_outs using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy worker on opt_outs to sluice_worker using (true) with check (true);
grant select on opt_outs to sluice_app;
grant select, insert, update, delete on opt_outs to sluice_worker;

create table rebuild.opt_outs (like public.opt_outs including all);
grant select, insert, update, delete on rebuild.opt_outs to sluice_worker;
