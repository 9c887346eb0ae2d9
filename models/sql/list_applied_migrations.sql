SELECT name FROM tortoise_migrations WHERE app = $1
