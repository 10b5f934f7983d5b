-- What a tenant may send at most, messages a second over all its numbers; 0 for no limit of its own.
alter table tenants add column messages_per_second int not null default 0 check (messages_per_second >= 0);
-- How many messages of campaigns one person gets within so many days; 0 for no cap.
alter table tenants add column cap_messages int not null default 0 check (cap_messages between 0 and 100);
alter table tenants add column cap_days int not null default 0 check (cap_days between 0 and 31);
