SELECT count(*) FROM tenant
