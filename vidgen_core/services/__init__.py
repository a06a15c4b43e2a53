"""What the dashboard, the HTTP API and the command line may ask, by subject; ``facade.Vidgen`` holds them all."""
