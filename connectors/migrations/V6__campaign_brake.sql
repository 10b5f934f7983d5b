-- A campaign pauses by itself when more than this share of what became of its messages is failure; 0: never. Outcomes from before the last
-- start or resume do not count, so that a person's resume is not undone at once.
alter table campaigns add column failure_limit int not null default 20 check (failure_limit between 0 and 100);
alter table campaigns add column failed_before bigint not null default 0;
alter table campaigns add column settled_before bigint not null default 0;
