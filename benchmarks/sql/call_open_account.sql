SELECT one_call.open_account($1, $2, $3)
