-- Configuration and control, and the projections that pages read. What is said about messages can be rebuilt from the topics.
--
-- Every table that belongs to tenants has tenant_id first in its keys, and row-level security, forced so that the owner is held
-- too. Policies fail closed: without app.tenant nothing is seen. After a transaction that set it the setting is '', not null.
-- Three exceptions to "tenant first", each for a look-up that comes before the tenant is known or holds across tenants:
-- tenants.slug, numbers (channel, account), and the schema registry, which is nobody's.

-- Roles are shared by the cluster's databases, so another database's migration may make them at the same moment.
do $$
begin
    create role sluice_app nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
    create role sluice_worker nologin;
exception when duplicate_object or unique_violation then null;
end $$;
grant usage on schema public to sluice_app, sluice_worker;

-- Versions of configuration: rows that are deleted and made anew still go up.
create sequence config_version;

create table tenants (
    id uuid primary key,
    slug text not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name text not null,
    home_partition int not null check (home_partition >= 0),
    time_zone text not null default 'UTC',
    locale text not null default 'en',
    suspended_at timestamptz,
    created_at timestamptz not null default now(),
    version bigint not null default nextval('config_version')
);

-- Data keys that seal a tenant's secrets, each wrapped by the key-encryption key named kek_id.
create table data_keys (
    tenant_id uuid not null references tenants (id) on delete cascade,
    key_id int not null,
    kek_id text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, key_id)
);

-- account: phone number id, Instagram account or page.
create table numbers (
    tenant_id uuid not null references tenants (id) on delete cascade,
    channel text not null check (channel in ('whatsapp', 'instagram', 'messenger')),
    account text not null,
    waba_id text,
    display_phone_number text,
    home_partition int not null check (home_partition >= 0),
    messages_per_second int not null default 80 check (messages_per_second > 0),
    access_token_sealed bytea,
    key_id int,
    status text not null default 'active' check (status in ('active', 'held', 'disabled')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default nextval('config_version'),
    primary key (tenant_id, channel, account),
    constraint numbers_one_owner unique (channel, account)
);

create table users (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    email text not null check (email = lower(email)),
    name text not null,
    role text not null check (role in ('system_admin', 'owner', 'admin', 'agent')),
    password_hash text not null,
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, email)
);

-- token_hash: SHA-256 of the cookie's value; the value itself is stored nowhere.
create table sessions (
    tenant_id uuid not null,
    token_hash bytea not null,
    user_id uuid not null,
    csrf text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (tenant_id, token_hash),
    foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);
create index sessions_expiry on sessions (expires_at);

-- A token names its tenant, so that it is looked up under that tenant's policy.
create table api_tokens (
    tenant_id uuid not null references tenants (id) on delete cascade,
    token_hash bytea not null,
    name text not null,
    role text not null check (role in ('system_admin', 'owner', 'admin', 'agent')),
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (tenant_id, token_hash)
);

create table templates (
    tenant_id uuid not null references tenants (id) on delete cascade,
    waba_id text not null,
    name text not null,
    language text not null,
    category text not null,
    status text not null,
    components jsonb not null,
    updated_at timestamptz not null default now(),
    version bigint not null default nextval('config_version'),
    primary key (tenant_id, waba_id, name, language)
);

-- Price and freight rules; the newest version rules.
create table catalogs (
    tenant_id uuid not null references tenants (id) on delete cascade,
    version bigint not null default nextval('config_version'),
    value jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, version)
);

create table campaigns (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    name text not null,
    channel text not null default 'whatsapp',
    account text not null,
    template_name text not null,
    template_language text not null,
    variables jsonb not null default '{}',
    state text not null default 'draft' check (state in ('draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled')),
    pause_reason text,
    epoch bigint not null default 0,
    throttle int not null default 0 check (throttle >= 0),
    audience_size bigint not null default 0,
    refused bigint not null default 0,
    duplicates bigint not null default 0,
    created_by text not null,
    created_at timestamptz not null default now(),
    starts_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    version bigint not null default 1,
    primary key (tenant_id, id),
    foreign key (tenant_id, channel, account) references numbers (tenant_id, channel, account)
);
create index campaigns_newest on campaigns (tenant_id, created_at desc, id desc);
create index campaigns_active on campaigns (state) where state in ('scheduled', 'running');

-- The snapshot that a campaign sends to: rows 0 to n-1 on each home, never changed after the import.
create table audience (
    tenant_id uuid not null,
    campaign_id uuid not null,
    home int not null,
    seq bigint not null,
    recipient text not null,
    variables jsonb not null default '{}',
    suppressed text,
    primary key (tenant_id, campaign_id, home, seq),
    foreign key (tenant_id, campaign_id) references campaigns (tenant_id, id) on delete cascade
);

create table import_refusals (
    tenant_id uuid not null,
    campaign_id uuid not null,
    line bigint not null,
    reason text not null,
    content_excerpt text not null,
    primary key (tenant_id, campaign_id, line),
    foreign key (tenant_id, campaign_id) references campaigns (tenant_id, id) on delete cascade
);

-- Projection of messages: units of the audience by state. code is the error code of failed, else 0.
-- Born with the whole audience in pending; every step moves one unit, so the sum is the audience at every commit.
create table campaign_counters (
    tenant_id uuid not null,
    campaign_id uuid not null,
    partition int not null,
    state text not null,
    code int not null default 0,
    n bigint not null default 0,
    primary key (tenant_id, campaign_id, partition, state, code)
);

-- How far each projection has read. generation is raised when the log is restored or replaced.
create table tally_offsets (
    projection text not null,
    topic text not null,
    partition int not null,
    generation int not null,
    next_offset bigint not null,
    primary key (projection, topic, partition, generation)
);

-- Projection of quotes.
create table quotes (
    tenant_id uuid not null,
    quote_id uuid not null,
    conversation_id uuid not null,
    account text not null,
    status text not null,
    total numeric not null,
    currency text not null,
    reasons text[] not null,
    request text not null,
    detail jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deadline_at timestamptz not null,
    decided_by text,
    trace uuid not null,
    primary key (tenant_id, quote_id)
);
-- Sorted by what never changes, so that an update of a quote touches no index but its status's.
create index quotes_newest on quotes (tenant_id, created_at desc, quote_id desc);
create index quotes_awaiting on quotes (tenant_id, created_at desc, quote_id desc) where status = 'awaiting_approval';
create index quotes_conversation on quotes (tenant_id, conversation_id, created_at desc);

-- Projection of messages: sends whose outcome nobody knows, and those that wait for a person's decision.
create table sends_attention (
    tenant_id uuid not null,
    send_id uuid not null,
    account text not null,
    recipient text not null,
    state text not null check (state in ('unknown', 'quarantined')),
    since timestamptz not null,
    campaign_id uuid,
    detail text,
    primary key (tenant_id, send_id)
);
create index sends_attention_oldest on sends_attention (tenant_id, since, send_id);

-- status and response are null while the first request is still being served.
create table idempotency_keys (
    tenant_id uuid not null references tenants (id) on delete cascade,
    route text not null,
    key text not null,
    request_hash bytea not null,
    status int,
    response bytea,
    created_at timestamptz not null default now(),
    primary key (tenant_id, route, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

-- Records that must reach a topic if, and only if, the change beside them was committed.
create table outbox (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id bigserial not null,
    topic text not null,
    partition int not null,
    key text not null,
    record_kind text not null check (record_kind in ('config', 'control')),
    payload jsonb not null,
    created_at timestamptz not null default now(),
    published_at timestamptz,
    primary key (tenant_id, id)
);
create index outbox_waiting on outbox (id) where published_at is null;

create table audit_log (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id bigserial not null,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null default '{}',
    primary key (tenant_id, id)
);

-- The small schema registry; the same text has the same id under every subject.
create table registry_schemas (
    id serial not null,
    subject text not null,
    version int not null,
    schema text not null,
    fingerprint text not null,
    created_at timestamptz not null default now(),
    primary key (subject, version)
);
create index registry_schemas_id on registry_schemas (id);
create index registry_schemas_fingerprint on registry_schemas (fingerprint);

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant on tenants using (id = nullif(current_setting('app.tenant', true), '')::uuid);

do $$
declare
    name text;
begin
    foreach name in array array[
        'data_keys', 'numbers', 'users', 'sessions', 'api_tokens', 'templates', 'catalogs', 'campaigns', 'audience',
        'import_refusals', 'campaign_counters', 'quotes', 'sends_attention', 'idempotency_keys', 'outbox', 'audit_log'
    ] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format(
            'create policy tenant on %I using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', name);
    end loop;
end $$;

-- What the API, the console and expand may do, within one tenant.
grant select, update on tenants to sluice_app;
grant select, insert, update, delete on
    numbers, users, sessions, api_tokens, templates, campaigns, audience, import_refusals, idempotency_keys to sluice_app;
grant select, insert on data_keys, catalogs, audit_log, outbox, campaign_counters to sluice_app;
grant select on quotes, sends_attention to sluice_app;
grant usage on sequence config_version, outbox_id_seq, audit_log_id_seq to sluice_app;
-- The audience goes through a temporary table, since COPY FROM refuses tables with policies.
do $$
begin
    execute format('grant temporary on database %I to sluice_app', current_database());
end $$;

-- What the cross-tenant workers may do: routing, sender, tally, outbox, clearing what has expired, and registering a tenant.
create policy worker on tenants to sluice_worker using (true) with check (true);
create policy worker on data_keys to sluice_worker using (true) with check (true);
create policy worker on numbers for select to sluice_worker using (true);
create policy worker on templates for select to sluice_worker using (true);
create policy worker on catalogs for select to sluice_worker using (true);
create policy worker on campaigns to sluice_worker using (true) with check (true);
create policy worker on campaign_counters to sluice_worker using (true) with check (true);
create policy worker on quotes to sluice_worker using (true) with check (true);
create policy worker on sends_attention to sluice_worker using (true) with check (true);
create policy worker on outbox to sluice_worker using (true) with check (true);
create policy worker on sessions to sluice_worker using (true) with check (true);
create policy worker on idempotency_keys to sluice_worker using (true) with check (true);
grant select, insert on tenants, data_keys to sluice_worker;
grant select on numbers, templates, catalogs to sluice_worker;
grant select, update on campaigns to sluice_worker;
grant select, insert, update, delete on campaign_counters, quotes, sends_attention, tally_offsets, registry_schemas to sluice_worker;
grant select, insert, update, delete on outbox to sluice_worker;
grant select, delete on sessions, idempotency_keys to sluice_worker;
grant select on registry_schemas, tally_offsets to sluice_app;
grant usage on sequence config_version, outbox_id_seq, registry_schemas_id_seq to sluice_worker;

-- A host name names its tenant before any tenant is set: one exact slug in, one row out, so that nobody can list tenants.
-- Forced policies hold the owner too, hence its own.
create policy directory on tenants for select to current_user using (true);
create function tenant_by_slug(wanted text) returns table (id uuid, suspended boolean)
    language sql stable security definer set search_path = pg_catalog, public
as $$ select t.id, t.suspended_at is not null from public.tenants t where t.slug = wanted $$;
revoke all on function tenant_by_slug(text) from public;
grant execute on function tenant_by_slug(text) to sluice_app, sluice_worker;
