"""The tables of a history store."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Float, Integer, MetaData, String, Table, Text

SCHEMA_VERSION: Final = 1
"""Written into every store; a reader takes no other."""

LATER: Final = {"zeta_decisions": ("messages", "shadow"), "zeta_feedback": ("messages",)}
"""Columns, by table, that stores of an earlier release lack; they are added when such a store is opened."""

METADATA: Final = MetaData()
"""All tables of a store."""

META: Final = Table(
    "zeta_meta", METADATA, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)
"""Facts about the store: `schema_version`."""

_json = JSON(none_as_null=True)

DECISIONS: Final = Table(
    "zeta_decisions",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("created_at", String(32), nullable=False, index=True),  # ISO 8601, UTC, microseconds: sorts as text
    Column("query_hash", String(32), nullable=False),
    Column("query", Text),  # null where the history keeps no text
    Column("messages", Text),  # JSON, where the query is more than one text
    Column("task", Text),
    Column("size", Text, nullable=False),  # the choice before the first call
    Column("final_size", Text),  # the size whose answer was kept; null where every size failed
    Column("p", _json, nullable=False),
    Column("cost", _json, nullable=False),  # expected, shares of the largest size's mean cost
    Column("difficulty", Float),
    Column("label", Text),
    Column("features", _json, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("policy", Text, nullable=False),
    Column("cost_weight", Float, nullable=False),
    Column("steps", _json, nullable=False),
    Column("shadow", _json),  # policy, size and chances of another policy's choice; null where none decided beside it
    Column("latency_s", Float),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("gpu_s", Float),
    Column("cost_usd", Float),
)
"""One row per routed query; tokens, gpu_s and cost_usd are measured over all steps together."""

FEEDBACK: Final = Table(
    "zeta_feedback",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("created_at", String(32), nullable=False),
    Column("decision_id", String(32), index=True),  # null for an answer made elsewhere
    Column("source", Text, nullable=False),
    Column("given_by", Text),
    Column("score", Float),
    Column("answer", Text),  # the correct one
    Column("query_hash", String(32)),  # from here on: only for an answer made elsewhere
    Column("query", Text),
    Column("messages", Text),
    Column("size", Text),
    Column("task", Text),
)
"""One row per feedback, only ever appended; a higher id is newer."""
