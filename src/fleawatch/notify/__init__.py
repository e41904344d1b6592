"""NOTIFY: one module a channel. Each turns a delivery into what its receiver understands and proves that it arrived."""
