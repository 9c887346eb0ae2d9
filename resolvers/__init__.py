"""The API's verbs: who asks and what it may, input into request, call, outcome into a member of the result's union."""
