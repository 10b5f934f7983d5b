-- Recipients of a campaign who answered, by what they pressed first; nothing for words. A projection of messages, with its second set for a
-- rebuild.
create table campaign_answers (
    tenant_id uuid not null,
    campaign_id uuid not null,
    partition int not null,
    answer text not null,
    n bigint not null,
    primary key (tenant_id, campaign_id, partition, answer)
);
alter table campaign_answers enable row level security;
alter table campaign_answers force row level security;
create policy tenant on campaign_answers using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy worker on campaign_answers to sluice_worker using (true) with check (true);
grant select on campaign_answers to sluice_app;
grant select, insert, update, delete on campaign_answers to sluice_worker;
create table rebuild.campaign_answers (like public.campaign_answers including all);
grant select, insert, update, delete on rebuild.campaign_answers to sluice_worker;
