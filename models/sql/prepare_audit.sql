-- For the transaction of an audit. It reads whole tables, also such as were never analysed: every plan is to read them from end to
-- end and join by hashes, because the limit on findings tempts the planner to look rows up as if a finding were near. One process
-- is enough, so that whatever writes beside it keeps its share of the machine.
SELECT set_config('work_mem', '64MB', true), set_config('max_parallel_workers_per_gather', '0', true),
       set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true)
