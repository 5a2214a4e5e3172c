"""Metaflow's settings: what ``metaflow.metaflow_config`` holds.

A setting ``X`` is the environment variable ``METAFLOW_X``, else what ``config.json`` says in the nearest ``.metaflow``
folder or in METAFLOW_HOME, else its default, whose type decides how texts are read. Levada itself acts on few of
them; flows and libraries read them.
"""

import json
import os

from .exceptions import MetaflowException


def _names(text):
    return text.split()


_TEXTS = _names("""AIRFLOW_KUBERNETES_CONN_ID AIRFLOW_KUBERNETES_KUBECONFIG_CONTEXT AIRFLOW_KUBERNETES_KUBECONFIG_FILE
ARGO_EVENTS_EVENT ARGO_EVENTS_EVENT_SOURCE ARGO_EVENTS_SERVICE_ACCOUNT ARGO_EVENTS_WEBHOOK_URL
ARGO_WORKFLOWS_CAPTURE_ERROR_SCRIPT ARGO_WORKFLOWS_UI_URL AWS_SANDBOX_API_KEY
AWS_SANDBOX_INTERNAL_SERVICE_URL AWS_SANDBOX_REGION AWS_SANDBOX_STS_ENDPOINT_URL
AWS_SECRETS_MANAGER_DEFAULT_REGION AWS_SECRETS_MANAGER_DEFAULT_ROLE AZURE_KEY_VAULT_PREFIX
AZURE_STORAGE_BLOB_SERVICE_ENDPOINT BATCH_JOB_QUEUE CARD_LOCALROOT DATASTORE_SYSROOT_AZURE
DATASTORE_SYSROOT_GS DATASTORE_SYSROOT_LOCAL DATASTORE_SYSROOT_S3 DATASTORE_SYSROOT_SPIN
DATATOOLS_LOCALROOT DEFAULT_CONTAINER_IMAGE DEFAULT_CONTAINER_REGISTRY DEFAULT_SECRETS_BACKEND_TYPE
DEFAULT_SECRETS_ROLE ECS_FARGATE_EXECUTION_ROLE ECS_S3_ACCESS_IAM_ROLE EVENTS_SFN_ACCESS_IAM_ROLE
GCP_SECRET_MANAGER_PREFIX KUBERNETES_CONDA_ARCH KUBERNETES_CPU KUBERNETES_DISK
KUBERNETES_IMAGE_PULL_POLICY KUBERNETES_MEMORY KUBERNETES_PORT KUBERNETES_SANDBOX_INIT_SCRIPT
KUBERNETES_SERVICE_ACCOUNT KUBERNETES_SHARED_MEMORY OTEL_ENDPOINT S3_ENDPOINT_URL
S3_SERVER_SIDE_ENCRYPTION S3_VERIFY_CERTIFICATE SERVICE_AUTH_KEY SERVICE_URL SFN_DYNAMO_DB_TABLE
CONDA_PACKAGE_AZUREROOT CONDA_PACKAGE_GSROOT CONDA_PACKAGE_S3ROOT SFN_EXECUTION_LOG_GROUP_ARN
SFN_IAM_ROLE SFN_STATE_MACHINE_PREFIX UI_URL USER ZIPKIN_ENDPOINT""")

_EMPTY = _names("""ARGO_WORKFLOWS_ENV_VARS_TO_SKIP ARGO_WORKFLOWS_KUBERNETES_SECRETS DEFAULT_DECOSPECS
KUBERNETES_ANNOTATIONS KUBERNETES_IMAGE_PULL_SECRETS KUBERNETES_LABELS KUBERNETES_NODE_SELECTOR
KUBERNETES_PERSISTENT_VOLUME_CLAIMS KUBERNETES_SECRETS KUBERNETES_TOLERATIONS""")

_OFF = _names("""ARGO_WORKFLOWS_USE_SCHEDULES AWS_SANDBOX_ENABLED BATCH_EMIT_TAGS CARD_NO_WARNING CONDA_USE_FAST_INIT
CONSOLE_TRACE_ENABLED DEBUG_CONDA DEBUG_PACKAGE DEBUG_S3CLIENT DEBUG_SIDECAR DEBUG_STUBGEN
DEBUG_SUBCOMMAND DEBUG_TRACING DEBUG_USERCONF DISABLE_TRACING FEAT_ALWAYS_UPLOAD_CODE_PACKAGE
KUBERNETES_FETCH_EC2_METADATA PROFILE_FROM_START S3_LOG_TRANSIENT_RETRIES SFN_COMPRESS_STATE_MACHINE
SPIN_PERSIST""")

_DEFAULTS = {
    **dict.fromkeys(_TEXTS),
    **dict.fromkeys(_EMPTY, ""),
    **dict.fromkeys(_OFF, False),
    "AIRFLOW_KUBERNETES_STARTUP_TIMEOUT_SECONDS": 3600,
    "ARGO_EVENTS_EVENT_BUS": "default",
    "ARGO_EVENTS_WEBHOOK_AUTH": "none",
    "AZURE_STORAGE_WORKLOAD_TYPE": "general",
    "BATCH_DEFAULT_TAGS": {},
    "CARD_SUFFIX": "mf.cards",
    "CLICK_API_PROCESS_CONFIG": True,
    "CLIENT_CACHE_MAX_FLOWDATASTORE_COUNT": 50,
    "CLIENT_CACHE_MAX_SIZE": 10000,
    "CLIENT_CACHE_MAX_TASKDATASTORE_COUNT": 5000,
    "CLIENT_CACHE_PATH": "/tmp/metaflow_client",
    "CONDA_DEPENDENCY_RESOLVER": "conda",
    "CONTACT_INFO": {},
    "DATASTORE_LOCAL_DIR": ".metaflow",
    "DATASTORE_SPIN_LOCAL_DIR": ".metaflow_spin",
    "DATATOOLS_CLIENT_PARAMS": {},
    "DATATOOLS_SESSION_VARS": {},
    "DATATOOLS_SUFFIX": "data",
    "DEFAULT_AWS_CLIENT_PROVIDER": "boto3",
    "DEFAULT_AZURE_CLIENT_PROVIDER": "azure-default",
    "DEFAULT_DATASTORE": "local",
    "DEFAULT_ENVIRONMENT": "local",
    "DEFAULT_EVENT_LOGGER": "nullSidecarLogger",
    "DEFAULT_FROM_DEPLOYMENT_IMPL": "argo-workflows",
    "DEFAULT_GCP_CLIENT_PROVIDER": "gcp-default",
    "DEFAULT_METADATA": "local",
    "DEFAULT_MONITOR": "nullSidecarMonitor",
    "DEFAULT_PACKAGE_SUFFIXES": ".py,.R,.RDS",
    "DEFAULT_RUNTIME_LIMIT": 432000,
    "GS_STORAGE_WORKLOAD_TYPE": "general",
    "INCLUDE_FOREACH_STACK": True,
    "KUBERNETES_GPU_VENDOR": "nvidia",
    "KUBERNETES_JOBSET_GROUP": "jobset.x-k8s.io",
    "KUBERNETES_JOBSET_VERSION": "v1alpha2",
    "KUBERNETES_JOB_TERMINATE_MODE": "stop",
    "KUBERNETES_JOB_TTL_SECONDS_AFTER_FINISHED": 604800,
    "KUBERNETES_NAMESPACE": "default",
    "KUBERNETES_QOS": "burstable",
    "LOCAL_CONFIG_FILE": "config.json",
    "MAXIMUM_FOREACH_VALUE_CHARS": 30,
    "MAX_ATTEMPTS": 6,
    "NAMESPACED_EVENTS_PREFIX": "mfns",
    "OTEL_SERVICE_NAME": "metaflow",
    "RUNTIME_CARD_RENDER_INTERVAL": 60,
    "S3_CLIENT_RETRY_CONFIG": {"max_attempts": 10, "mode": "adaptive"},
    "S3_RETRY_COUNT": 7,
    "S3_TRANSIENT_RETRY_COUNT": 20,
    "S3_WORKER_COUNT": 64,
    "SERVICE_HEADERS": {},
    "SERVICE_RETRY_COUNT": 5,
    "SERVICE_VERSION_CHECK": True,
    "SPIN_ALLOWED_DECORATORS": _names("conda pypi conda_base pypi_base environment project timeout card"),
    "SPIN_DISALLOWED_DECORATORS": ["parallel"],
    "TEMPDIR": ".",
}

#: Settings whose default is another setting.
_FOLLOW = {
    "ARGO_EVENTS_INTERNAL_WEBHOOK_URL": "ARGO_EVENTS_WEBHOOK_URL",
    "ARGO_EVENTS_SENSOR_NAMESPACE": "KUBERNETES_NAMESPACE",
    "BATCH_CONTAINER_IMAGE": "DEFAULT_CONTAINER_IMAGE",
    "BATCH_CONTAINER_REGISTRY": "DEFAULT_CONTAINER_REGISTRY",
    "KUBERNETES_CONTAINER_IMAGE": "DEFAULT_CONTAINER_IMAGE",
    "KUBERNETES_CONTAINER_REGISTRY": "DEFAULT_CONTAINER_REGISTRY",
    "SERVICE_INTERNAL_URL": "SERVICE_URL",
}


def read():
    """All settings by name, without the prefix. ValueError for one that cannot be read."""
    configured = _configured()

    def setting(name, default):
        value = os.environ.get("METAFLOW_" + name, configured.get("METAFLOW_" + name))
        return default if value is None else _typed(name, value, default)

    settings = {name: setting(name, default) for name, default in _DEFAULTS.items()}
    for name, other in _FOLLOW.items():
        settings[name] = setting(name, settings[other])
    settings["ARTIFACT_LOCALROOT"] = setting("ARTIFACT_LOCALROOT", os.getcwd())
    for kind in ("S3", "AZURE", "GS"):
        root = settings["DATASTORE_SYSROOT_" + kind]
        for name, suffix in (
            ("DATATOOLS_%sROOT", settings["DATATOOLS_SUFFIX"]),
            ("CARD_%sROOT", settings["CARD_SUFFIX"]),
        ):
            settings[name % kind] = setting(name % kind, root and root.rstrip("/") + "/" + suffix)
    root = settings["DATASTORE_SYSROOT_S3"]
    settings["SFN_S3_DISTRIBUTED_MAP_OUTPUT_PATH"] = setting(
        "SFN_S3_DISTRIBUTED_MAP_OUTPUT_PATH", root and root.rstrip("/") + "/sfn_distributed_map_output"
    )
    return settings


def from_conf(name, default=None, validate_fn=None):
    """One setting, also one that Metaflow does not have, such as those of extensions; ``default`` tells its type.

    ``validate_fn(variable, value)`` raises if it does not like what was set.
    """
    variable = "METAFLOW_" + name
    value = os.environ.get(variable, _configured().get(variable, default))
    if validate_fn is not None and value is not None:
        validate_fn(variable, value)
    return default if value is None else _typed(name, value, default)


def _configured():
    return {**_file(_global_file(), "METAFLOW_PROFILE" in os.environ), **_file(_local_file(), False)}


def _typed(name, value, default):
    if default is None or not isinstance(value, str):
        return value
    try:
        if isinstance(default, bool):
            return value.lower() not in ("0", "false", "")
        if isinstance(default, (int, float)):
            return type(default)(value)
        if isinstance(default, (dict, list)):
            parsed = json.loads(value)
            if type(parsed) is not type(default):
                raise ValueError("it is not a %s" % type(default).__name__)
            return parsed
    except ValueError as error:
        raise ValueError("The setting METAFLOW_%s cannot be read: %r: %s" % (name, value, error)) from None
    return value


def _global_file():
    home = os.path.expanduser(os.environ.get("METAFLOW_HOME", "~/.metaflowconfig"))
    profile = os.environ.get("METAFLOW_PROFILE")
    return os.path.join(home, "config_%s.json" % profile if profile else "config.json")


def _local_file():
    folder = os.getcwd()
    while True:
        file = os.path.join(folder, ".metaflow", "config.json")
        if os.path.isdir(os.path.dirname(file)) or folder == os.path.dirname(folder):
            return file
        folder = os.path.dirname(folder)


def _file(path, required):
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        if required:
            raise MetaflowException("There is no configuration %s for METAFLOW_PROFILE." % path) from None
        return {}
    except (OSError, ValueError) as error:
        raise MetaflowException("The configuration %s cannot be read: %s" % (path, error)) from None
    return found if isinstance(found, dict) else {}
