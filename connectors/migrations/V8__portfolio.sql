-- Meta limits how many people a business portfolio reaches a day; its numbers share that.
alter table numbers add column portfolio_id text;
alter table numbers add column messaging_limit int check (messaging_limit > 0);

alter table holds drop constraint holds_scope_check;
alter table holds add constraint holds_scope_check
    check (scope in ('number', 'account', 'app', 'template', 'flow', 'portfolio', 'chain'));
alter table rebuild.holds drop constraint holds_scope_check;
alter table rebuild.holds add constraint holds_scope_check
    check (scope in ('number', 'account', 'app', 'template', 'flow', 'portfolio', 'chain'));
