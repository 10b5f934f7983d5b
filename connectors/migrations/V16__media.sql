-- Files that a business has uploaded to Meta: the id is used again until it expires.
create table uploads (
    tenant_id uuid not null references tenants (id) on delete cascade,
    account text not null,
    sha256 bytea not null,
    mime_type text not null,
    media_id text not null,
    bytes bigint not null,
    name text not null,
    created_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (tenant_id, account, sha256, mime_type)
);
create index uploads_by_id on uploads (tenant_id, media_id);
alter table uploads enable row level security;
alter table uploads force row level security;
create policy tenant on uploads using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy worker on uploads to sluice_worker using (true) with check (true);
grant select, insert, update on uploads to sluice_app;
