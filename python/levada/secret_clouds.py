"""Backends of ``@secrets`` for the secret stores of clouds, through the clouds' own Python packages."""

import os
import re
from base64 import b64encode
from json import loads

from .exceptions import MetaflowException
from .secret_backends import SecretsProvider


def _imported(module, package, backend):
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError:
        raise MetaflowException(
            "The secrets backend %s needs the package %s, which this Python does not have: pip install %s"
            % (backend, package, package)
        ) from None


def _variables(value, name, options):
    """A secret as environment variables: a JSON object has one for each key, anything else is the value of one."""
    options = options or {}
    if not options.get("json", False) and "env_var_name" in options:
        return {options["env_var_name"]: value}
    if options.get("json", True):
        try:
            found = loads(value)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return {key: part if isinstance(part, str) else str(part) for key, part in found.items()}
        if options.get("json") is True:
            raise MetaflowException("@secrets: the secret '%s' is not a JSON object." % name)
    return {options.get("env_var_name") or _sanitized(name): value}


def _sanitized(name):
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return name if re.match(r"[A-Za-z_]", name) else "_" + name


def _explained(error, what):
    return MetaflowException("@secrets: %s could not be read: %s: %s" % (what, type(error).__name__, error))


class AwsSecretsManager(SecretsProvider):
    """AWS Secrets Manager, through boto3. ``id`` is the secret's name or ARN.

    Options: ``region``; ``json`` and ``env_var_name``, see the documentation.
    """

    TYPE = "aws-secrets-manager"

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """The secret's variables."""
        boto3 = _imported("boto3", "boto3", self.TYPE)
        options = options or {}
        region = options.get("region") or os.environ.get("METAFLOW_AWS_SECRETS_MANAGER_DEFAULT_REGION")
        if not region and secret_id.startswith("arn:"):
            region = secret_id.split(":")[3]
        role = role or os.environ.get("METAFLOW_AWS_SECRETS_MANAGER_DEFAULT_ROLE")
        arguments = {"region_name": region} if region else {}
        try:
            if role:
                identity = boto3.client("sts", **arguments).assume_role(RoleArn=role, RoleSessionName="levada")
                lent = identity["Credentials"]
                arguments.update(
                    aws_access_key_id=lent["AccessKeyId"],
                    aws_secret_access_key=lent["SecretAccessKey"],
                    aws_session_token=lent["SessionToken"],
                )
            answer = boto3.client("secretsmanager", **arguments).get_secret_value(SecretId=secret_id)
        except Exception as error:
            raise _explained(error, "the secret '%s' of AWS Secrets Manager" % secret_id) from None
        if "SecretString" in answer:
            return _variables(answer["SecretString"], answer.get("Name", secret_id), options)
        binary = answer["SecretBinary"]
        name = options.get("env_var_name") or _sanitized(answer.get("Name", secret_id))
        return {name: b64encode(binary).decode()}


class GcpSecretManager(SecretsProvider):
    """Google Cloud Secret Manager. ``id`` is ``projects/P/secrets/S``, then ``/versions/V`` if not the latest is meant.

    A shorter one follows METAFLOW_GCP_SECRET_MANAGER_PREFIX. Options: ``version``, ``json`` and ``env_var_name``.
    """

    TYPE = "gcp-secret-manager"

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """The secret's variables."""
        manager = _imported("google.cloud.secretmanager", "google-cloud-secret-manager", self.TYPE)
        options = options or {}
        path = secret_id
        if not path.startswith("projects/"):
            prefix = os.environ.get("METAFLOW_GCP_SECRET_MANAGER_PREFIX")
            if not prefix:
                raise MetaflowException(
                    "@secrets: write the id of '%s' as projects/<project>/secrets/<secret>, or set "
                    "METAFLOW_GCP_SECRET_MANAGER_PREFIX to what goes in front of it." % secret_id
                )
            path = prefix + path
        if "/versions/" not in path:
            path += "/versions/%s" % options.get("version", "latest")
        try:
            answer = manager.SecretManagerServiceClient().access_secret_version(request={"name": path})
        except Exception as error:
            raise _explained(error, "the secret '%s' of Google Cloud Secret Manager" % path) from None
        name = path.split("/secrets/")[-1].split("/versions/")[0]
        return _variables(answer.payload.data.decode("utf-8"), name, options)


class AzKeyVault(SecretsProvider):
    """Azure Key Vault. ``id`` is ``https://<vault>/secrets/<name>``, with ``/<version>`` for another than the latest.

    A name alone is looked up in METAFLOW_AZURE_KEY_VAULT_PREFIX. Options: ``json`` and ``env_var_name``.
    """

    TYPE = "az-key-vault"

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """The secret's variables."""
        vaults = _imported("azure.keyvault.secrets", "azure-keyvault-secrets", self.TYPE)
        identity = _imported("azure.identity", "azure-identity", self.TYPE)
        url = secret_id
        if "://" not in url:
            prefix = os.environ.get("METAFLOW_AZURE_KEY_VAULT_PREFIX")
            if not prefix:
                raise MetaflowException(
                    "@secrets: write the id of '%s' as https://<vault>.vault.azure.net/secrets/<name>, or set "
                    "METAFLOW_AZURE_KEY_VAULT_PREFIX to the vault's address." % secret_id
                )
            url = "%s/secrets/%s" % (prefix.rstrip("/"), secret_id)
        vault, found, rest = url.partition("/secrets/")
        name, _, version = rest.strip("/").partition("/")
        if not found or not name:
            raise MetaflowException("@secrets: '%s' is not the address of a secret in a vault." % url)
        try:
            client = vaults.SecretClient(vault_url=vault, credential=identity.DefaultAzureCredential())
            value = client.get_secret(name, version or None).value
        except Exception as error:
            raise _explained(error, "the secret '%s' of Azure Key Vault" % url) from None
        # Azure's secrets are texts, not objects, unless the source says otherwise.
        return _variables(value, name, {"json": False, **(options or {})})
