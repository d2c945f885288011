"""Least-privilege documents: IAM policies, CloudFormation templates, Teleport resources."""
