"""Who may reach the app: the gate before its pages, its headers, and what it takes to open it to a network."""
