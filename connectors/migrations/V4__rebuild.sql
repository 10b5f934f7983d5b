-- The projections of tally a second time, where a rebuild makes them anew before it swaps them in. The same names in another schema: with
-- `search_path` at `rebuild` the tally's own statements fill them. A migration that changes one of the first must change its second.
create schema rebuild;
create table rebuild.campaign_counters (like public.campaign_counters including all);
create table rebuild.quotes (like public.quotes including all);
create table rebuild.sends_attention (like public.sends_attention including all);
create table rebuild.holds (like public.holds including all);
create table rebuild.tally_offsets (like public.tally_offsets including all);

-- Campaigns whose steps are all still in the log, so that their counters can be made anew.
create table rebuild.campaigns (
    tenant_id uuid not null,
    campaign_id uuid not null,
    primary key (tenant_id, campaign_id)
);

-- How often the history was rebuilt: rows of a later generation win over those that an earlier one wrote under the same key.
create table history_generation (
    one boolean primary key default true check (one),
    generation int not null
);
insert into history_generation (generation) values (0);

-- Tenants' logins have no way into the second set, so it needs no policies.
grant usage on schema rebuild to sluice_worker;
grant select, insert, update, delete on all tables in schema rebuild to sluice_worker;
grant select, update on history_generation to sluice_worker;
