"""Requests to web servers: logins, redirections, bodies that are whole."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from support.scripted_server import Answer, Asked, ScriptedServer

from git_mlvc.backend.base import Denied, Offline
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.web.session import Session
from git_mlvc.errors import ConfigError, RemoteRefused, RemoteUnavailable, StoreError
from git_mlvc.login import Login

LOGIN = Login("ann", "s3cret")
BASIC = "Basic YW5uOnMzY3JldA=="
WANTS_LOGIN = Answer(401, b"who?", {"WWW-Authenticate": 'Basic realm="data"'})


class Helpers:
    """Git's helpers, of whom a test knows what they know; `told` is what they were told."""

    def __init__(self, *logins: Login) -> None:
        self._logins = list(logins)
        self.told: list[tuple[str, str]] = []

    def fill(self, url: str) -> Login | None:
        self.told.append(("fill", url))
        return self._logins.pop(0) if self._logins else None

    def approve(self, url: str, login: Login) -> None:
        self.told.append(("approve", login.password))

    def reject(self, url: str, login: Login) -> None:
        self.told.append(("reject", login.password))

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.told]


def get(session: Session, url: str) -> bytes:
    with session.send("GET", url, doing="read it") as reply:
        if reply.status != 200:
            raise reply.refusal()
        return reply.read(1 << 20)


def guarded(asked: Asked) -> Answer:
    return Answer(200, b"data") if asked.headers.get("authorization") == BASIC else WANTS_LOGIN


class TestLogins:
    def test_a_helper_is_asked_once_and_told_that_it_was_right(self) -> None:
        helpers = Helpers(LOGIN)
        with ScriptedServer(guarded) as server:
            session = Session(Opening(credentials=helpers), home=server.url)
            assert [get(session, f"{server.url}/{n}?sig=x") for n in range(3)] == [b"data"] * 3
            session.close()
            assert len(server.asked) == 4
        assert helpers.told == [("fill", server.url), ("approve", "s3cret")]

    def test_a_login_that_is_refused_is_given_back_and_nobody_is_asked_again(self) -> None:
        helpers = Helpers(Login("ann", "wrong"), LOGIN)
        with ScriptedServer(guarded) as server:
            session = Session(Opening(credentials=helpers), home=server.url)
            for _ in range(2):
                with pytest.raises(Denied, match="wants a login"):
                    get(session, server.url + "/x")
            session.close()
        assert helpers.verbs == ["fill", "reject"]

    def test_one_that_has_expired_is_replaced(self) -> None:
        helpers = Helpers(Login("ann", "old"), LOGIN)
        with ScriptedServer(lambda asked: Answer(200, b"data")) as server:
            session = Session(Opening(credentials=helpers), home=server.url)
            server.script = lambda a: Answer() if "authorization" in a.headers else WANTS_LOGIN
            get(session, server.url + "/x")
            server.script = guarded
            assert get(session, server.url + "/x") == b"data"
            session.close()
        assert helpers.verbs == ["fill", "approve", "reject", "fill", "approve"]

    def test_many_threads_that_are_refused_at_once_ask_once(self) -> None:
        helpers = Helpers(LOGIN)
        with ScriptedServer(guarded) as server:
            session = Session(Opening(credentials=helpers), home=server.url)
            came: list[bytes] = []
            threads = [
                threading.Thread(target=lambda: came.append(get(session, server.url + "/x")))
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            session.close()
        assert came == [b"data"] * 8
        assert helpers.verbs == ["fill", "approve"]

    def test_a_password_in_the_address_is_used_and_not_shown(self) -> None:
        with ScriptedServer(guarded) as server:
            home = server.url.replace("//", "//ann:s3cret@")
            session = Session(Opening(), home=home)
            assert get(session, home + "/x") == b"data"
            server.script = lambda asked: Answer(403)
            with pytest.raises(Denied) as caught:
                get(session, home + "/x?sig=s3cret")
            session.close()
        assert "s3cret" not in f"{caught.value} {caught.value.hint} {session.logins.__dict__}"
        assert len(server.asked) == 2

    def test_the_user_in_the_address_is_named_to_the_helpers(self) -> None:
        helpers = Helpers(LOGIN)
        with ScriptedServer(guarded) as server:
            session = Session(
                Opening(credentials=helpers), home=server.url.replace("//", "//a%40b@")
            )
            get(session, server.url + "/x")
            session.close()
        assert helpers.told[0] == ("fill", server.url.replace("//", "//a%40b@"))

    @pytest.mark.parametrize("variable", ["NETRC", "HOME"])
    def test_netrc_is_looked_at_before_anybody_is_asked(
        self, tmp_path: Path, variable: str
    ) -> None:
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login ann password s3cret\n")
        helpers = Helpers()
        environment = {variable: str(netrc if variable == "NETRC" else tmp_path)}
        with ScriptedServer(guarded) as server:
            session = Session(
                Opening(credentials=helpers, environment=environment), home=server.url
            )
            assert get(session, server.url + "/x") == b"data"
            session.close()
            assert "authorization" not in server.asked[0].headers  # not before it is asked for
        assert helpers.told == []

    def test_a_token_is_sent_at_once_as_bearer(self) -> None:
        with ScriptedServer(lambda asked: Answer()) as server:
            session = Session(Opening(options={"token": "t0"}), home=server.url)
            get(session, server.url + "/x")
            session.close()
            assert server.asked[0].headers["authorization"] == "Bearer t0"

    @pytest.mark.parametrize(
        ("login", "header"),
        [(LOGIN, "Bearer s3cret"), (Login("", "t1", "Token"), "Token t1")],
    )
    def test_a_helper_may_know_a_token(self, login: Login, header: str) -> None:
        wants = Answer(401, headers={"WWW-Authenticate": 'Bearer realm="https://auth/x, y"'})
        with ScriptedServer(
            lambda asked: Answer() if asked.headers.get("authorization") == header else wants
        ) as server:
            session = Session(Opening(credentials=Helpers(login)), home=server.url)
            get(session, server.url + "/x")
            session.close()

    def test_a_header_of_gits_settings_goes_along(self) -> None:
        opening = Opening(web_settings=lambda url: {"extraheader": f"Authorization: {BASIC}"})
        with ScriptedServer(guarded) as server:
            session = Session(opening, home=server.url)
            assert get(session, server.url + "/x") == b"data"
            session.close()

    def test_a_way_of_logging_in_that_is_not_known_is_named(self) -> None:
        helpers = Helpers(LOGIN)
        wants = Answer(401, headers={"WWW-Authenticate": "Negotiate"})
        with ScriptedServer(lambda asked: wants) as server:
            session = Session(Opening(credentials=helpers), home=server.url)
            with pytest.raises(Denied, match="negotiate"):
                get(session, server.url + "/x")
            session.close()
        assert helpers.told == []


class TestRedirections:
    def test_no_login_goes_to_another_server(self) -> None:
        with (
            ScriptedServer(lambda asked: Answer(200, b"data")) as other,
            ScriptedServer(
                lambda asked: Answer(302, headers={"Location": other.url + "/y"})
            ) as one,
        ):
            opening = Opening(
                options={"token": "t0"}, web_settings=lambda url: {"extraheader": "X-Key: s3cret"}
            )
            session = Session(opening, home=one.url)
            assert get(session, one.url + "/x") == b"data"
            session.close()
            assert one.asked[0].headers["authorization"] == "Bearer t0"
            assert one.asked[0].headers["x-key"] == "s3cret"
            assert not {"authorization", "x-key"} & set(other.asked[0].headers)

    def test_another_server_that_wants_a_login_gets_none(self) -> None:
        helpers = Helpers(LOGIN)
        with (
            ScriptedServer(guarded) as other,
            ScriptedServer(
                lambda asked: Answer(302, headers={"Location": other.url + "/y"})
            ) as one,
        ):
            session = Session(Opening(credentials=helpers), home=one.url)
            with pytest.raises(Denied):
                get(session, one.url + "/x")
            session.close()
        assert helpers.told == []

    def test_a_login_handed_out_for_one_server_is_not_shown_to_another(self) -> None:
        with (
            ScriptedServer(lambda asked: Answer(200, b"data")) as other,
            ScriptedServer(
                lambda asked: Answer(302, headers={"Location": other.url + "/y"})
            ) as one,
        ):
            session = Session(Opening(), home="http://home.invalid")
            own = {"Authorization": "Basic x", "Range": "bytes=0-1"}
            session.send("GET", one.url, doing="read", headers=own, is_ours=False).close()
            session.close()
            assert other.asked[0].headers["range"] == "bytes=0-1"
            assert "authorization" not in other.asked[0].headers

    def test_within_one_server_the_login_goes_along(self) -> None:
        with ScriptedServer(guarded) as server:
            server.script = lambda asked: (
                Answer(307, headers={"Location": "/y"}) if asked.path == "/x" else guarded(asked)
            )
            session = Session(Opening(), home=server.url.replace("//", "//ann:s3cret@"))
            assert get(session, server.url + "/x") == b"data"
            session.close()

    @pytest.mark.parametrize(
        ("there", "why"),
        [
            ("/x", "in circles"),
            ("file:///etc/passwd", "no web server"),
            ("ftp://example.org/x", "no web server"),
            ("http://[bad/", "no web server"),
        ],
    )
    def test_what_must_not_be_followed_is_refused(self, there: str, why: str) -> None:
        with ScriptedServer(lambda asked: Answer(302, headers={"Location": there})) as server:
            session = Session(Opening(), home=server.url)
            with pytest.raises(RemoteRefused, match=why):
                get(session, server.url + "/x")
            session.close()
            assert len(server.asked) <= 11

    def test_what_writes_is_not_followed(self) -> None:
        with ScriptedServer(
            lambda asked: Answer(301, headers={"Location": "https://u:s3cret@new.example/x?sig=1"})
        ) as server:
            session = Session(Opening(), home=server.url)
            with session.send("PUT", server.url + "/x", doing="write x", source=b"1") as reply:
                error = reply.refusal()
            session.close()
        assert "https://new.example/x now" in error.why


class TestBodies:
    def test_the_meter_sees_all_of_them(self, tmp_path: Path) -> None:
        seen: list[int] = []
        source = tmp_path / "source"
        source.write_bytes(b"x" * 1_000_000)
        with ScriptedServer(lambda asked: Answer(200, asked.body)) as server:
            session = Session(Opening(meter=seen.append), home=server.url)
            with session.send("PUT", server.url, doing="write", source=source) as reply:
                assert len(reply.read(1 << 20)) == 1_000_000
            session.close()
        assert sum(seen) == 2_000_000
        assert max(seen) <= 256 << 10

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, b"12345", length=9, is_closed=True),
            Answer(200, b"12345", is_endless=True),
        ],
    )
    def test_one_that_may_not_be_whole_is_not_taken(self, answer: Answer) -> None:
        with ScriptedServer(lambda asked: answer) as server:
            session = Session(Opening(), home=server.url)
            with pytest.raises(RemoteUnavailable):
                get(session, server.url + "/x")
            session.close()

    def test_one_that_is_compressed_is_refused(self) -> None:
        answer = Answer(200, b"12345", {"Content-Encoding": "gzip"})
        with ScriptedServer(lambda asked: answer) as server:
            session = Session(Opening(), home=server.url)
            with pytest.raises(RemoteRefused, match="compressed"):
                get(session, server.url + "/x")
            session.close()
            assert server.asked[0].headers["accept-encoding"] == "identity"

    def test_more_than_was_asked_for_is_not_kept(self) -> None:
        with ScriptedServer(lambda asked: Answer(200, b"x" * 2_000_000)) as server:
            session = Session(Opening(), home=server.url)
            with pytest.raises(RemoteRefused, match="more than"):
                get(session, server.url + "/x")
            session.close()

    @pytest.mark.parametrize("status", [401, 413])
    def test_an_answer_before_the_body_was_read_is_understood(
        self, tmp_path: Path, status: int
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"x" * (32 << 20))
        with ScriptedServer(lambda asked: Answer(status), is_hasty=True) as server:
            session = Session(Opening(), home=server.url)
            with session.send("PUT", server.url, doing="write", source=source) as reply:
                assert reply.status == status
            session.close()

    def test_a_file_that_shrinks_while_it_is_sent_is_said_to(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"x" * 1_000_000)
        with ScriptedServer(lambda asked: Answer(201)) as server:
            session = Session(Opening(meter=lambda count: source.write_bytes(b"")), home=server.url)
            with pytest.raises(StoreError, match="became shorter"):
                session.send("PUT", server.url, doing="write", source=source)
            session.close()

    def test_connections_are_used_again(self) -> None:
        with ScriptedServer(lambda asked: Answer(404, b"nothing here")) as server:
            session = Session(Opening(), home=server.url)
            for method in ("GET", "HEAD", "PUT") * 3:
                session.send(method, server.url + "/x", doing="ask").close()
            session.close()
            assert len(server.asked) == 9
            assert server.connections == 1


class TestFailures:
    def test_a_name_that_does_not_exist_is_not_tried_again(self) -> None:
        session = Session(Opening(), home="http://nowhere.invalid")
        with pytest.raises((Offline, RemoteUnavailable), match=r"nowhere\.invalid"):
            get(session, "http://nowhere.invalid/x?sig=s3cret")
        session.close()

    def test_nobody_listening_may_be_tried_again(self) -> None:
        session = Session(Opening(), home="http://127.0.0.1:1")
        with pytest.raises(RemoteUnavailable, match="refused"):
            get(session, "http://127.0.0.1:1/x")
        session.close()

    def test_silence_ends_by_the_idle_time_out(self) -> None:
        done = threading.Event()

        def wait(asked: Asked) -> Answer:
            done.wait(30)
            return Answer()

        with ScriptedServer(wait) as server:
            session = Session(Opening(idle_timeout_s=0.2), home=server.url)
            with pytest.raises(RemoteUnavailable, match="no answer in time"):
                get(session, server.url + "/x")
            done.set()
            session.close()

    @pytest.mark.parametrize("kind", ["file", "bytes"])
    def test_a_server_that_takes_nothing_is_not_waited_for(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "large"
        path.write_bytes(bytes(32 << 20))
        source = path if kind == "file" else path.read_bytes()
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            session = Session(Opening(idle_timeout_s=0.2), home=url)
            with pytest.raises(RemoteUnavailable, match="no answer in time"):
                session.send("PUT", f"{url}/x", doing="write x", source=source)
            session.close()

    def test_a_server_without_tls_is_told_from_one_that_is_down(self) -> None:
        with ScriptedServer(lambda asked: Answer()) as server:
            url = server.url.replace("http:", "https:")
            session = Session(Opening(), home=url)
            with pytest.raises(RemoteRefused, match="does not speak TLS"):
                get(session, url)
            session.close()

    @pytest.mark.parametrize(
        "url", ["http://", "http://host:port/x", "ftp://host/", "http://h/#x", "http://h/a b"]
    )
    def test_a_malformed_address_is_a_mistake_of_settings(self, url: str) -> None:
        with pytest.raises(ConfigError, match="not the address of a web server"):
            Session(Opening(), home=url)
