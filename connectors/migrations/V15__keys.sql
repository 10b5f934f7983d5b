-- A key is replaced in place: data keys are wrapped anew, and those that seal nothing any more go.
grant update, delete on data_keys to sluice_app;
