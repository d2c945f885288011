"""State in S3 for machines without a disk of their own: a lease, a copy to work with, and back."""
