"""WORDS: every metric, span, log event, limit, alert and objective, declared once; everything else is derived."""
