import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from server.data_directory import ROOT_KEY_FILE, DataDirectoryUnusable
from server.root_key import load_root_key
from server.settings import Environment, InvalidSettings, Settings, read_settings
from services.secret_key import is_well_formed

A_ROOT_KEY = "a-root-key-that-is-long-enough-to-be-one"


class TestReading:
    def test_an_empty_environment_gives_a_development_server_on_this_machine_alone(self) -> None:
        settings = read_settings({})
        assert (settings.host, settings.port, settings.processes) == ("127.0.0.1", 8000, 1)
        assert settings.data_dir == Path(".data")
        assert settings.environment is Environment.DEVELOPMENT
        assert settings.database_url is None
        assert settings.root_key is None
        assert settings.bus_url is None

    def test_every_variable_is_read(self) -> None:
        environment = {
            "HOST": "::1",
            "PORT": "9000",
            "FAREBOX_DATA_DIR": "/var/lib/farebox data",
            "DATABASE_URL": "postgresql://owner:secret@db.example:6432/fares?sslmode=require",
            "BUS_URL": "rediss://bus:secret@redis.example:6380/1?ssl_ca_certs=/etc/ssl/redis.pem",
            "FAREBOX_ROOT_KEY": A_ROOT_KEY,
            "FAREBOX_ENV": "production",
            "FAREBOX_ALLOWED_ORIGINS": "https://app.example.com, http://localhost:5173",
            "WEB_CONCURRENCY": "4",
        }
        assert read_settings(environment) == Settings(
            host="::1",
            port=9000,
            data_dir=Path("/var/lib/farebox data"),
            database_url="postgresql://owner:secret@db.example:6432/fares?sslmode=require",
            bus_url="rediss://bus:secret@redis.example:6380/1?ssl_ca_certs=/etc/ssl/redis.pem",
            root_key=A_ROOT_KEY,
            environment=Environment.PRODUCTION,
            processes=4,
            allowed_origins=frozenset({"https://app.example.com", "http://localhost:5173"}),
        )

    def test_an_empty_variable_is_an_absent_one(self) -> None:
        assert (
            read_settings(dict.fromkeys(("PORT", "DATABASE_URL", "FAREBOX_ROOT_KEY", "FAREBOX_ENV"), "")) == Settings()
        )

    def test_a_socket_s_directory_may_stand_in_the_database_url(self) -> None:
        dsn = "postgresql://farebox@/farebox?host=%2Ftmp%2Fa%20b&port=5432"
        assert read_settings({"DATABASE_URL": dsn}).database_url == dsn

    @pytest.mark.parametrize("url", ["redis://localhost", "redis://:p%40ss@[::1]:6379/", "rediss://redis.example/15"])
    def test_a_bus_may_be_any_redis(self, url: str) -> None:
        assert read_settings({"BUS_URL": url}).bus_url == url


class TestRefusing:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "http"),
            ("PORT", "-1"),
            ("FAREBOX_ALLOWED_ORIGINS", "*"),
            ("FAREBOX_ALLOWED_ORIGINS", "app.example.com"),
            ("FAREBOX_ALLOWED_ORIGINS", "https://app.example.com/"),
            ("FAREBOX_ALLOWED_ORIGINS", "https://app.example.com,"),
            ("PORT", "65536"),
            ("PORT", "8000.0"),
            ("PORT", "8_000"),
            ("PORT", "٨٠"),
            ("PORT", "9" * 5000),
            ("HOST", "local host"),
            ("HOST", "http://localhost"),
            ("FAREBOX_ENV", "Production"),
            ("FAREBOX_ENV", "staging"),
            ("FAREBOX_DATA_DIR", "a\0b"),
            ("FAREBOX_DATA_DIR", "~nobody-of-that-name/data"),
            ("WEB_CONCURRENCY", "0"),
            ("WEB_CONCURRENCY", "65"),
            ("WEB_CONCURRENCY", "auto"),
        ],
    )
    def test_a_wrong_value_is_named_with_what_would_be_right(self, name: str, value: str) -> None:
        with pytest.raises(InvalidSettings, match=f"{name} must be .+, not ") as refusal:
            read_settings({name: value})
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 250

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DATABASE_URL", "mysql://me:hunter2@localhost/fares"),
            ("DATABASE_URL", "postgresql://me:hunter2@localhost"),
            ("DATABASE_URL", "postgresql://me:hunter2@localhost:port/fares"),
            ("DATABASE_URL", "postgresql://me:hunter2@[half/fares"),
            ("BUS_URL", "amqp://me:hunter2@localhost"),
            ("BUS_URL", "hunter2"),
            ("BUS_URL", "redis:///hunter2"),
            ("BUS_URL", "redis://me:hunter2@localhost:port"),
            ("BUS_URL", "redis://me:hunter2@localhost/fares"),
            ("BUS_URL", "redis://me:hunter2@localhost?ssl_ca_certs=/etc/ssl/redis.pem"),
            ("BUS_URL", "rediss://me:hunter2@localhost?ssl_cert_reqs=none"),
            ("BUS_URL", "rediss://me:hunter2@localhost?ssl_ca_certs"),
            ("BUS_URL", "redis://me:hun#ter2@localhost"),
            ("BUS_URL", "redis://me:hunter2@localhost:0"),
            ("BUS_URL", "redis://me:hunter2@localhost "),
            ("BUS_URL", "unix://me:hunter2@/run/redis.sock"),
            ("FAREBOX_ROOT_KEY", "hunter2"),
            ("FAREBOX_ROOT_KEY", "hunter2 " * 10),
            ("FAREBOX_ROOT_KEY", "hunter2" * 100),
        ],
    )
    def test_a_wrong_secret_is_not_repeated(self, name: str, value: str) -> None:
        with pytest.raises(InvalidSettings, match=f"{name} must be") as refusal:
            read_settings({name: value})
        assert "hunter2" not in str(refusal.value)
        assert refusal.value.__cause__ is None

    def test_all_faults_are_told_at_once(self) -> None:
        with pytest.raises(InvalidSettings, match=r"PORT.*FAREBOX_ENV.*WEB_CONCURRENCY"):
            read_settings({"PORT": "x", "FAREBOX_ENV": "x", "WEB_CONCURRENCY": "x"})

    def test_a_misspelt_name_is_not_passed_over(self) -> None:
        with pytest.raises(
            InvalidSettings, match=r"FAREBOX_ENVIRONMENT is not a setting \(did you mean FAREBOX_ENV\?\)"
        ):
            read_settings({"FAREBOX_ENVIRONMENT": "production"})

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("FAREBOX_PORT", "PORT"),
            ("FAREBOX_HOST", "HOST"),
            ("FAREBOX_DATABASE_URL", "DATABASE_URL"),
            ("FAREBOX_BUS_URL", "BUS_URL"),
            ("FAREBOX_WEB_CONCURENCY", "WEB_CONCURRENCY"),
            ("FAREBOX_DATADIR", "FAREBOX_DATA_DIR"),
            ("FAREBOX_ROOTKEY", "FAREBOX_ROOT_KEY"),
            ("WEB_CONCURENCY", "WEB_CONCURRENCY"),
            ("DATABSE_URL", "DATABASE_URL"),
            ("DATABASEURL", "DATABASE_URL"),
            ("database_url", "DATABASE_URL"),
            ("FARBOX_ENV", "FAREBOX_ENV"),
        ],
    )
    def test_a_misspelling_is_answered_with_the_name_that_was_meant(self, name: str, meant: str) -> None:
        with pytest.raises(InvalidSettings, match=rf"{name} .+ \(did you mean {meant}\?\)"):
            read_settings({name: "x"})

    def test_a_name_like_no_setting_is_refused_without_a_guess(self) -> None:
        with pytest.raises(InvalidSettings, match=r"FAREBOX_LOGGING is not a setting$"):
            read_settings({"FAREBOX_LOGGING": "x"})

    @pytest.mark.parametrize("name", ["POST", "PORTS", "HOSTS", "TEST_DATABASE_URL", "PG_DATABASE_URL", "DATABASE"])
    def test_another_program_s_variable_is_no_misspelling(self, name: str) -> None:
        assert read_settings({name: "x"}) == Settings()

    def test_what_is_like_a_setting_does_no_harm_beside_the_setting(self) -> None:
        dsn = "postgresql://me@localhost/fares"
        assert read_settings({"DATABASE_URI": "x", "DATABASE_URL": dsn}).database_url == dsn

    def test_variables_of_the_test_suite_and_of_strangers_are_no_settings(self) -> None:
        assert read_settings({"FAREBOX_TEST_DATABASE_URL": "x", "PATH": "/bin"}) == Settings()


class TestSecrets:
    def test_the_text_of_settings_shows_no_secret(self) -> None:
        settings = Settings(
            database_url="postgresql://me:hunter2@localhost/fares",
            bus_url="redis://:swordfish@localhost",
            root_key=A_ROOT_KEY,
        )
        assert "hunter2" not in repr(settings)
        assert "swordfish" not in repr(settings)
        assert A_ROOT_KEY not in repr(settings)

    def test_a_given_root_key_is_used_and_written_nowhere(self, tmp_path: Path) -> None:
        assert load_root_key(Settings(data_dir=tmp_path, root_key=A_ROOT_KEY)) == A_ROOT_KEY
        assert list(tmp_path.iterdir()) == []

    def test_a_root_key_is_made_once_and_kept_for_its_owner_alone(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "data")
        key = load_root_key(settings)
        assert is_well_formed(key)
        assert load_root_key(settings) == key
        assert stat.S_IMODE((settings.data_dir / ROOT_KEY_FILE).stat().st_mode) == 0o600
        assert [path.name for path in settings.data_dir.iterdir()] == [ROOT_KEY_FILE]

    def test_processes_that_start_together_agree_on_the_root_key(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        with ProcessPoolExecutor(max_workers=4, mp_context=get_context("spawn")) as pool:
            keys = set(pool.map(load_root_key, [settings] * 16))
        assert len(keys) == 1

    def test_a_file_that_holds_no_key_is_named(self, tmp_path: Path) -> None:
        (tmp_path / ROOT_KEY_FILE).write_text("\n")
        with pytest.raises(DataDirectoryUnusable, match=ROOT_KEY_FILE):
            load_root_key(Settings(data_dir=tmp_path))

    def test_a_data_directory_that_is_a_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DataDirectoryUnusable, match="file"):
            load_root_key(Settings(data_dir=tmp_path / "file"))
