-- In this transaction, locks are waited for as long as its statements may take.
SET LOCAL lock_timeout = 0
