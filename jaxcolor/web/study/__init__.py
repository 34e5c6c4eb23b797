"""The real-or-fake study: which of two pictures has fake colors?

`creation` puts photographs and what systems made of them into a database, `server`
shows them to participants, `participants` records what they answer, and `analysis`
turns answers into numbers with intervals.
"""
