-- A tenant may be parked for a chain: too many of its records could not be processed.
alter table holds drop constraint holds_scope_check;
alter table holds add constraint holds_scope_check check (scope in ('number', 'account', 'app', 'template', 'flow', 'chain'));
alter table rebuild.holds drop constraint holds_scope_check;
alter table rebuild.holds add constraint holds_scope_check check (scope in ('number', 'account', 'app', 'template', 'flow', 'chain'));
