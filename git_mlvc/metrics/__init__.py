"""Numbers that say how good a result is: taken from documents, compared, judged by goals. Pure."""
