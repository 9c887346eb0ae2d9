SELECT hold_id, replayed FROM one_call.reserve($1, $2, $3, $4, $5, $6, $7)
