//! What needs more than one service lies beside this file: end-to-end tests, and data for them.
