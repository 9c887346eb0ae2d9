UPDATE loyalty_watch SET reviewed_until = greatest(reviewed_until, $2) WHERE tenant_id = $1
