"""Runs commands as attempts: here in the background (`local`), or on a terminal (`terminal`)."""
