-- Replays that are asked for in the console or the API: planned, confirmed, run and reported by the role outbox.
create table replays (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    wanted jsonb not null,
    state text not null default 'planning'
        check (state in ('planning', 'planned', 'waiting', 'running', 'done', 'cancelled', 'failed')),
    plan jsonb,
    progress text,
    report jsonb,
    error text,
    -- Whether whoever runs it shall end it.
    cancel boolean not null default false,
    created_by text not null,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    -- When whoever plans or runs it was last alive.
    seen_at timestamptz,
    primary key (tenant_id, id)
);
create index replays_newest on replays (tenant_id, created_at desc, id desc);
create index replays_open on replays (created_at) where state in ('planning', 'waiting', 'running');

-- The first differences that a shadow found.
create table replay_differences (
    tenant_id uuid not null,
    replay_id uuid not null,
    n bigint not null,
    difference jsonb not null,
    primary key (tenant_id, replay_id, n),
    foreign key (tenant_id, replay_id) references replays (tenant_id, id) on delete cascade
);

do $$
declare
    name text;
begin
    foreach name in array array['replays', 'replay_differences'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format(
            'create policy tenant on %I using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', name);
        execute format('create policy worker on %I to sluice_worker using (true) with check (true)', name);
    end loop;
end $$;
grant select, insert, update on replays to sluice_app;
grant select on replay_differences to sluice_app;
grant select, update on replays to sluice_worker;
grant select, insert, delete on replay_differences to sluice_worker;
