"""What a person writes: validated, completed from the catalogue, resolved into inputs."""
