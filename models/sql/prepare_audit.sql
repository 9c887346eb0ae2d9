-- For the transaction of an audit: it reads whole tables, also such as were never analysed, so no plan may look rows up one by one.
SELECT set_config('work_mem', '64MB', true), set_config('enable_nestloop', 'off', true)
