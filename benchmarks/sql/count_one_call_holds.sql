SELECT count(*) FROM one_call.hold
