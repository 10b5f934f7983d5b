-- What people decided on dead letters and unrouted updates. Those without a decision are open; the records themselves stay in their topics.
-- A letter that nobody owns stands under the nil tenant, which no login of the application can be: hence no foreign key.
create table letter_decisions (
    tenant_id uuid not null,
    topic text not null check (topic in ('events.dead-letter', 'events.unrouted')),
    partition int not null,
    "offset" bigint not null,
    generation int not null default 0,
    decision text not null check (decision in ('redriven', 'dropped')),
    at timestamptz not null default now(),
    actor text not null,
    reason text not null,
    primary key (tenant_id, topic, partition, "offset", generation)
);
create index letter_decisions_age on letter_decisions (at);

alter table letter_decisions enable row level security;
alter table letter_decisions force row level security;
create policy tenant on letter_decisions using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy worker on letter_decisions to sluice_worker using (true) with check (true);
grant select, insert, update on letter_decisions to sluice_app;
grant select, insert, update, delete on letter_decisions to sluice_worker;
-- The workers redrive across tenants, and what they do is noted beside everything else that was done in a tenant.
create policy worker on audit_log for insert to sluice_worker with check (true);
grant insert on audit_log to sluice_worker;
grant usage on sequence audit_log_id_seq to sluice_worker;
