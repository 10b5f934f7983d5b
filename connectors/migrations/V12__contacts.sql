-- Whom a tenant knows: attributes as its files name them, tags, and by what they agreed to be written to.
create table contacts (
    tenant_id uuid not null references tenants (id) on delete cascade,
    phone text not null,
    attributes jsonb not null default '{}',
    tags text[] not null default '{}',
    consent jsonb,
    added_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    import_id uuid,
    primary key (tenant_id, phone)
);

-- A file that was read in. What each of its lines changed is kept for 30 days, so that it can be undone.
create table contact_imports (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    file text not null,
    consent text,
    added bigint not null default 0,
    changed bigint not null default 0,
    duplicates bigint not null default 0,
    refused bigint not null default 0,
    created_by text not null,
    created_at timestamptz not null default now(),
    undone_at timestamptz,
    primary key (tenant_id, id)
);
create index contact_imports_newest on contact_imports (tenant_id, created_at desc, id desc);
create table contact_changes (
    tenant_id uuid not null,
    import_id uuid not null,
    phone text not null,
    -- The contact as it was; null when the import added it.
    before jsonb,
    primary key (tenant_id, import_id, phone),
    foreign key (tenant_id, import_id) references contact_imports (tenant_id, id) on delete cascade
);
create table contact_refusals (
    tenant_id uuid not null,
    import_id uuid not null,
    line bigint not null,
    reason text not null,
    content_excerpt text not null,
    primary key (tenant_id, import_id, line),
    foreign key (tenant_id, import_id) references contact_imports (tenant_id, id) on delete cascade
);

-- A part of the contacts by what they are like; it grows by itself.
create table segments (
    tenant_id uuid not null references tenants (id) on delete cascade,
    name text not null check (name <> ''),
    expression text not null,
    changed_by text not null,
    changed_at timestamptz not null default now(),
    primary key (tenant_id, name)
);

-- The segment that a campaign's audience was taken from, as it read then.
alter table campaigns add column segment text;

do $$
declare
    name text;
begin
    foreach name in array array['contacts', 'contact_imports', 'contact_changes', 'contact_refusals', 'segments'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format(
            'create policy tenant on %I using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', name);
    end loop;
end $$;
grant select, insert, update, delete on contacts, contact_imports, contact_changes, contact_refusals, segments to sluice_app;
create policy worker on contact_changes to sluice_worker using (true) with check (true);
create policy worker on contact_imports for select to sluice_worker using (true);
grant select, delete on contact_changes to sluice_worker;
grant select on contact_imports to sluice_worker;
