"""What an object store's refusals and silences mean, and what to do about each.

The library says what happened in its messages only: the status, and the code that S3, Google and Azure
put into their bodies. Of these texts nothing but code and message is shown; the rest may hold signatures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from git_mlvc.backend.base import Denied, Throttled
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

THROTTLED_S = 5.0  # the library shows no Retry-After; so long a pause is seldom too short
MESSAGE_LENGTH = 300

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_STATUS_AND_BODY = re.compile(r"non-2xx status code: \d{3}[^:]*:(.*)", re.S)
_CODE = re.compile(r"<Code>([\w.]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>(.*?)(?:</Message>|\n)", re.S)
_REGION = re.compile(r"<Region>([\w-]+)</Region>|expecting '([\w-]+)'")
_OF_THE_NETWORK = ("HttpError", "reqwest", "hyper", "Http(")
_ADDRESS = re.compile(r"https?://\S+")
_SYSTEM = re.compile(r'message: "([^"]+)"|error: "([^"]+)"')

_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "InvalidBucketName", "InvalidResourceName"}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"}
_WRONG_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthenticationFailed",
    "InvalidSecurity",
}
_FULL = {
    "QuotaExceeded",
    "AccountProblem",
    "EntityTooLarge",
    "InsufficientStorage",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "RequestBodyTooLarge",
    "InsufficientAccountPermissions",
}
_NO_CONDITIONS = {"NotImplemented", "InvalidArgument", "InvalidRequest", "UnsupportedHeader"}
_SLOW_DOWN = {"SlowDown", "ServerBusy", "TooManyRequests", "RequestLimitExceeded"}
_TRY_AGAIN = {
    "ConditionalRequestConflict",
    "OperationAborted",
    "ContainerBeingDeleted",
    "RequestTimeout",
    "InternalError",
    "OperationTimedOut",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "Md5Mismatch",
}
_WRONG_REGION = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: 0 if it said nothing; its own code and message, empty where there are none."""

    status: int
    code: str
    message: str
    text: str

    @classmethod
    def of(cls, exc: BaseException) -> Answer:
        text = str(exc)
        said = text.partition("\n\nDebug source:")[0]
        status = _STATUS.search(said)
        return cls.said(int(status[1]) if status else 0, said, text)

    @classmethod
    def said(cls, status: int, body: str, text: str = "") -> Answer:
        code, message = _CODE.search(body), _MESSAGE.search(body)
        return cls(
            status,
            code[1] if code else "",
            _printable(message[1]) if message else "",
            text or body,
        )

    @property
    def says_no_such_bucket(self) -> bool:
        return self.code in _NO_BUCKET

    @property
    def knows_no_conditions(self) -> bool:
        """Said of a conditional put; if it was about something else, the put without will be refused, too."""
        return self.status in (405, 501) or self.code in _NO_CONDITIONS

    @property
    def is_a_strangers(self) -> bool:
        """It has a body, and no code in it: whoever that is, it is no object store."""
        said = _STATUS_AND_BODY.search(self.text.partition("\n\nDebug source:")[0])
        return not self.code and said is not None and bool(said[1].strip())

    @property
    def says_beyond_the_end(self) -> bool:
        """The range begins where there is nothing: by the server, or by the library of an answer to another range."""
        return self.status == 416 or (self.status == 0 and "StartTooLarge" in self.text)

    @property
    def why(self) -> str:
        if self.code or self.message:
            return ": ".join(part for part in (self.code, self.message) if part)
        return f"it answered with status {self.status}" if self.status else "it did not answer"


@dataclass(frozen=True, slots=True)
class Meaning:
    """Turns failures of one remote into errors. `noun`: "bucket" or "container".

    `rights`: verb -> what the service calls the right to it. `sign_in`: where its keys come from.
    """

    url: str
    endpoint: str
    noun: str
    name: str
    rights: dict[str, str]
    sign_in: str

    def of(self, exc: BaseException, verb: str, key: str) -> MlvcError:
        """Return the error for a failure to `verb` `key` that is not an answer to the question itself."""
        return self.of_answer(Answer.of(exc), verb, key)

    def of_answer(self, answer: Answer, verb: str, key: str) -> MlvcError:
        what = self.what(verb, key)
        if answer.status == 0:
            return self._silence(answer, what)
        return self._no(answer, what, verb) or self._later(answer, what)

    def what(self, verb: str, key: str) -> str:
        return f"cannot {verb} {key or 'what is there'} on {self.url}"

    def no_object_store(self) -> RemoteRefused:
        return RemoteRefused(
            f"there is no object store at {self.endpoint}",
            why="what answers there does not speak like one",
            hint="mend the endpoint: it is the server's address without the bucket",
        )

    def no_bucket(self, answer: Answer) -> RemoteRefused:
        return RemoteRefused(
            f"there is no {self.noun} '{self.name}' at {self.endpoint}",
            why=answer.why,
            hint=f"create the {self.noun} with the service's own tools, or mend the address",
        )

    def _no(self, answer: Answer, what: str, verb: str) -> MlvcError | None:
        code, status, why = answer.code, answer.status, answer.why
        if status == 407:
            return self._proxys_no(what)
        if answer.says_no_such_bucket:
            return self.no_bucket(answer)
        if code in _SKEWED or "RequestTimeTooSkewed" in answer.text:
            return Denied(
                what,
                why="the clock of this machine is off, so that requests look too old or too new",
                hint="set the clock (for example with timedatectl set-ntp true), then try again",
            )
        if code in _FULL or status in (402, 413, 507):
            return RemoteRefused(what, why=f"it takes no more: {why}", hint="make room there")
        if code in _WRONG_REGION or status in (301, 307, 308):
            return self._wrong_region(answer, what)
        if code in _EXPIRED:
            return Denied(what, why=why, hint=f"the login has expired: renew it. {self.sign_in}")
        if code in _TRY_AGAIN or code in _SLOW_DOWN:
            return None
        if status == 401 or code in _WRONG_KEYS:
            return Denied(what, why=why, hint=f"the keys are not accepted. {self.sign_in}")
        if status == 403:
            return Denied(what, why=why, hint=self._missing_right(verb))
        if status == 405 or status == 501:
            return RemoteRefused(what, why=f"this server cannot do that: {why}")
        if 400 <= status < 500 and status not in (408, 409, 425, 429, 498, 499):
            return RemoteRefused(what, why=why, hint=f"is {self.endpoint} the right endpoint?")
        return None

    def _later(self, answer: Answer, what: str) -> RemoteUnavailable:
        if answer.status in (429, 498) or answer.code in _SLOW_DOWN:
            return Throttled(what, retry_after_s=THROTTLED_S, why=answer.why)
        return RemoteUnavailable(what, why=answer.why, hint="try again in a minute")

    def _missing_right(self, verb: str) -> str:
        right = self.rights.get(verb, "")
        named = f" ({right})" if right else ""
        return f"ask for the right to {verb} there{named}. {self.sign_in}"

    def _wrong_region(self, answer: Answer, what: str) -> RemoteRefused:
        found = _REGION.search(answer.text)
        region = (found[1] or found[2]) if found else "REGION"
        ask = "" if found else f" (aws s3api get-bucket-location --bucket {self.name})"
        return RemoteRefused(
            what,
            why=f"the {self.noun} is in another region: {answer.why}",
            hint=f"git mlvc remote set NAME region={region}{ask}",
        )

    def _proxys_no(self, what: str) -> RemoteRefused:
        return RemoteRefused(
            what, why="the proxy wants a login (407)", hint="HTTPS_PROXY=http://USER:PASSWORD@PROXY"
        )

    def _silence(self, answer: Answer, what: str) -> MlvcError:
        text = answer.text
        if "Certificate" in text or "UnknownIssuer" in text:
            return RemoteRefused(
                f"cannot trust {self.endpoint}",
                why="its certificate is not signed by an authority that this machine knows",
                hint="name the file of your own authority in AWS_CA_BUNDLE or SSL_CERT_FILE",
            )
        if "without LOCATION" in text:
            return self._wrong_region(answer, what)
        if "ProxyAuthRequired" in text:
            return self._proxys_no(what)
        if "kind: Connect" in text:
            why = "there is no such host" if "dns error" in text else _system_reason(text)
            return RemoteUnavailable(
                f"cannot reach {self.endpoint}",
                why=why,
                hint="is the endpoint written right, the network there, and the proxy (HTTPS_PROXY)?",
            )
        if "kind: Builder" in text:
            return RemoteRefused(
                what,
                why="an address is malformed, or begins with http:// where only https:// will do",
            )
        if not any(word in text for word in _OF_THE_NETWORK):
            # Never sent: a file with a token that is not there, a key that is none.
            said = _ADDRESS.sub("…", text.partition("\n")[0].partition("error: ")[2])
            return RemoteRefused(what, why=_printable(said), hint=self.sign_in)
        why = (
            "it fell silent" if "Timeout" in text or "TimedOut" in text else "the connection broke"
        )
        return RemoteUnavailable(what, why=why, hint="try again: what has arrived is kept")


def _system_reason(text: str) -> str:
    found = _SYSTEM.search(text)
    reason = (found[1] or found[2]) if found else "no connection"
    if "Tunnel" in text:
        reason = "the proxy does not let us through"
    if "InvalidContentType" in text:
        reason = "it does not speak TLS: should the endpoint begin with http://?"
    return _printable(reason)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.strip())[:MESSAGE_LENGTH]
