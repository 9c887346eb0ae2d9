"""A price book for people: a page to read and print, and a table for spreadsheets. Pure: a book in, text out."""
