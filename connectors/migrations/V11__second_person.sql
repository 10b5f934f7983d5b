-- A campaign of at least so many recipients starts only after somebody other than its maker has approved it; null for never.
alter table tenants add column approve_from bigint check (approve_from > 0);
alter table campaigns add column approved_by text;
alter table campaigns add column approved_at timestamptz;

-- The campaign whose failed messages this one tries again.
alter table campaigns add column retry_of uuid;
create index campaigns_retries on campaigns (tenant_id, retry_of) where retry_of is not null;
