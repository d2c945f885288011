"""AWS's wire protocols, the server's side: requests are read, answers and errors are written.

botocore has the other side, and is used where that does the job: its service models name every
member and error, its signer checks signatures, its client reads and writes CBOR. Nothing in it
reads a form or a JSON request with the errors of a real service, and its serializers write
requests only: without milliseconds in times, and not for members that their models lack.
"""
