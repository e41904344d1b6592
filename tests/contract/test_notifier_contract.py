"""Every channel over HTTP under one table of answers, with what each vendor answers when it accepts."""

from fleawatch.notify.deadman import DeadmanNotifier
from fleawatch.notify.pagerduty import PagerDutyNotifier
from fleawatch.notify.slack import SlackBot, SlackWebhook
from fleawatch.notify.telegram import TelegramNotifier
from fleawatch.notify.webhook import WebhookNotifier
from fleawatch.testing.doubles import Answer
from fleawatch.testing.notifier_contract import HttpNotifierContract

TELEGRAM_TOKEN = "123456:AAEhBP0av28fQ_secret-telegram-token"
SLACK_TOKEN = "xoxb-1234-secret-slack-token"
ROUTING_KEY = "R0123456789abcdefSECRETpagerduty"
HOOK_PATH = "/services/T000/B000/secretHookPath"
PING_PATH = "/5bf66975-secret-ping-4ccf"
SIGNING = "signing-secret-0123456789"


class TestTelegram(HttpNotifierContract):
    """https://core.telegram.org/bots/api#making-requests: `ok: true` with the result."""

    accepted = Answer(200, b'{"ok":true,"result":{"message_id":42,"date":1800000000}}')
    secrets = (TELEGRAM_TOKEN,)

    @staticmethod
    def make(exchange, base):
        return TelegramNotifier(exchange, token=TELEGRAM_TOKEN, chat_id="-100200", base=base)


class TestSlackWebhook(HttpNotifierContract):
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: 200 with the body `ok`."""

    accepted = Answer(200, b"ok")
    secrets = (HOOK_PATH,)

    @staticmethod
    def make(exchange, base):
        return SlackWebhook(exchange, url=base + HOOK_PATH)


class TestSlackBot(HttpNotifierContract):
    """https://docs.slack.dev/reference/methods/chat.postMessage: `ok: true` with the message's `ts`."""

    accepted = Answer(200, b'{"ok":true,"channel":"C123","ts":"1503435956.000247"}')
    secrets = (SLACK_TOKEN,)

    @staticmethod
    def make(exchange, base):
        return SlackBot(exchange, token=SLACK_TOKEN, channel="C123", base=base)


class TestPagerDuty(HttpNotifierContract):
    """https://developer.pagerduty.com/api-reference/368ae3d938c9e-send-an-event-to-pager-duty: 202 with `success`."""

    accepted = Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"g-1"}')
    secrets = (ROUTING_KEY,)

    @staticmethod
    def make(exchange, base):
        return PagerDutyNotifier(exchange, routing_key=ROUTING_KEY, base=base)


class TestWebhook(HttpNotifierContract):
    """A program of one's own: any 2xx is acceptance."""

    accepted = Answer(204)
    secrets = (SIGNING, "/hook?token=secretQuery")
    strict = False

    @staticmethod
    def make(exchange, base):
        return WebhookNotifier(exchange, url=base + "/hook?token=secretQuery", secret=SIGNING)


class TestDeadman(HttpNotifierContract):
    """https://healthchecks.io/docs/http_api/: 200 with the body `OK`."""

    accepted = Answer(200, b"OK")
    secrets = (PING_PATH,)
    strict = False

    @staticmethod
    def make(exchange, base):
        return DeadmanNotifier(exchange, url=base + PING_PATH)
