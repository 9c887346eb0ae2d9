"""The steps themselves, in order of their names. A step that has been released is never edited."""
