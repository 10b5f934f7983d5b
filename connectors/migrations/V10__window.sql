-- Hours of the recipient's day in which a campaign sends, as in '09:00-20:00 mon,tue'; null for all of them.
alter table campaigns add column send_window text;
