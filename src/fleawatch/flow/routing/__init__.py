"""ROUTING: who hears of an alert, when, and why not. Pure: takes changes of alerts, returns deliveries; sends nothing."""
