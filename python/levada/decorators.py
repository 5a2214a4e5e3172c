"""``@step``, the decorators of steps and flows, and how they are recorded.

A decorator says something about a step or a flow; the host acts on it. So a decorator here is a name and its
attributes, and the few that change how code runs inside a task (``catch``, ``timeout``, ``parallel``) are read by
the task from the same record.
"""

from .exceptions import (
    BadFlowDecoratorException,
    BadStepDecoratorException,
    DuplicateFlowDecoratorException,
    DuplicateStepDecoratorException,
    InvalidDecoratorAttribute,
)
from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeVar, overload

    from typing_extensions import ParamSpec

    _Step = TypeVar("_Step", bound=Callable[..., Any])
    _Flow = TypeVar("_Flow", bound=type)
    _Attributes = ParamSpec("_Attributes")

    class OnStep(Protocol[_Attributes]):
        """A decorator of steps, bare or with attributes. What it decorates keeps its type."""

        decorator_class: Any

        @overload
        def __call__(self, step: _Step, /) -> _Step: ...
        @overload
        def __call__(
            self, *nothing: _Attributes.args, **attributes: _Attributes.kwargs
        ) -> Callable[[_Step], _Step]: ...

    class OnFlow(Protocol[_Attributes]):
        """A decorator of flows, bare or with attributes. What it decorates keeps its type."""

        decorator_class: Any

        @overload
        def __call__(self, flow: _Flow, /) -> _Flow: ...
        @overload
        def __call__(
            self, *nothing: _Attributes.args, **attributes: _Attributes.kwargs
        ) -> Callable[[_Flow], _Flow]: ...

    @overload
    def step(function: _Step, /) -> _Step: ...
    @overload
    def step(
        *, start: bool = False, end: bool = False, node_info: "dict[str, Any] | None" = None
    ) -> Callable[[_Step], _Step]: ...


#: Class attribute under which a flow keeps its own decorators. Two underscores: it is no artifact.
FLOW_DECORATORS = "__levada_decorators__"


class Decorator:
    """A decorator with its attributes, as it was put on a step or a flow."""

    #: Name of the decorator, without the at sign.
    name = "NONAME"
    #: The attributes it supports with their default values.
    defaults = {}
    #: Whether one step or flow may have several of it.
    allow_multiple = False
    #: The mutator that added it, or "--with"; None if it stands in the source.
    inserted_by = None

    def __init__(self, attributes=None, statically_defined=False):
        self.attributes = dict(self.defaults)
        self.statically_defined = statically_defined
        for key, value in (attributes or {}).items():
            if key not in self.defaults and not key.startswith("_unpacked_delayed_"):  # **config, see configs.py
                raise InvalidDecoratorAttribute(self.name, key, self.defaults)
            self.attributes[key] = value

    def __repr__(self):
        return "<decorator %s %r>" % (self.name, self.attributes)


class StepDecorator(Decorator):
    """A decorator of a step."""


class FlowDecorator(Decorator):
    """A decorator of a flow."""


#: All step decorators by name.
STEP_DECORATORS = {}
#: All flow decorators by name.
FLOW_DECORATOR_CLASSES = {}


def step(function=None, *, start=False, end=False, node_info=None):
    """Mark a method as a step of the flow.

    ``start`` and ``end`` say that the run begins or ends here, whatever the method's name. ``node_info`` is a dict
    that is kept with the step in the graph.
    """

    def mark(method):
        if not callable(method):
            raise BadStepDecoratorException("step", method)
        method.is_step = True
        method.name = method.__name__
        method.decorators = []
        method.is_start = start
        method.is_end = end
        method.node_info = node_info or {}
        return method

    return mark if function is None else mark(function)


def _attach_to_step(cls, function, attributes):
    if not getattr(function, "is_step", False):
        raise BadStepDecoratorException(cls.name, function, cls.defaults)
    if not cls.allow_multiple and any(other.name == cls.name for other in function.decorators):
        raise DuplicateStepDecoratorException(cls.name, function)
    function.decorators.append(cls(attributes, statically_defined=True))
    return function


def flow_decorators(flow_class):
    """The decorators of a flow: inherited ones first, then its own, nearest the class first."""
    found = []
    for cls in reversed(flow_class.__mro__):
        found.extend(cls.__dict__.get(FLOW_DECORATORS, ()))
    return found


def _attach_to_flow(cls, flow_class, attributes):
    from .flowspec import FlowSpec

    if not (isinstance(flow_class, type) and issubclass(flow_class, FlowSpec)):
        raise BadFlowDecoratorException(cls.name, flow_class, cls.defaults)
    if not cls.allow_multiple and any(other.name == cls.name for other in flow_decorators(flow_class)):
        raise DuplicateFlowDecoratorException(cls.name)
    decorator = cls(attributes, statically_defined=True)
    if FLOW_DECORATORS not in flow_class.__dict__:
        setattr(flow_class, FLOW_DECORATORS, [])
    flow_class.__dict__[FLOW_DECORATORS].append(decorator)
    return flow_class


def _front(cls, attach, signature):
    """The function that users put behind an at sign, bare or with attributes."""

    def decorate(*target, **attributes):
        if not target:
            cls(attributes)  # an unknown attribute is reported where it is written
            return lambda actual: attach(cls, actual, attributes)
        return attach(cls, target[0], attributes)

    decorate.__name__ = decorate.__qualname__ = cls.name
    decorate.__doc__ = signature.__doc__
    decorate.__wrapped__ = signature  # help() and notebooks show the attributes
    decorate.decorator_class = cls
    return decorate


def _made_of(signature, base):
    return type(signature.__name__, (base,), {"name": signature.__name__, "defaults": signature.__kwdefaults__ or {}})


# Below, a decorator is a function that says what there is to know of it, to Python and to editors: its keyword
# arguments are the attributes with their default values. One without a type has that of its default for editors.


def _on_step(signature: "Callable[_Attributes, None]") -> "OnStep[_Attributes]":
    cls = STEP_DECORATORS[signature.__name__] = _made_of(signature, StepDecorator)
    return _front(cls, _attach_to_step, signature)


def _on_flow(signature: "Callable[_Attributes, None]") -> "OnFlow[_Attributes]":
    cls = FLOW_DECORATOR_CLASSES[signature.__name__] = _made_of(signature, FlowDecorator)
    return _front(cls, _attach_to_flow, signature)


# Decorators of steps.


@_on_step
def retry(*, times=3, minutes_between_retries: float = 2):
    """Try the step again when it fails, up to ``times`` times."""


@_on_step
def catch(*, var=None, print_exception=True):
    """Let the run go on when the step fails: the exception of the last attempt becomes the artifact ``var``."""


@_on_step
def timeout(*, seconds: float = 0, minutes: float = 0, hours: float = 0):
    """Stop the step when it runs longer than this."""


@_on_step
def resources(*, cpu: object = "1", gpu=None, disk=None, memory: object = "4096", shared_memory=None):
    """What the step needs of the machine it runs on: processors, GPUs, and megabytes of memory."""


@_on_step
def environment(*, vars={}):
    """Environment variables of the step's process, ``vars={"OMP_NUM_THREADS": "4"}``."""


@_on_step
def parallel():
    """The step is a gang: it runs on ``num_parallel`` nodes at once."""


@_on_step
def pytorch_parallel(*, master_port=None):
    """A gang whose nodes find each other as PyTorch expects."""


@_on_step
def secrets(*, sources=[], role=None, allow_override=False):
    """Secrets that become environment variables of the step."""


@_on_step
def card(
    *,
    type="default",
    options={},
    scope="task",
    rank=None,
    timeout: float = 45,
    id=None,
    save_errors=True,
    customize=False,
    refresh_interval: float = 5,
):
    """A report of the step's results. The step adds to it with ``current.card.append(…)``."""


card.decorator_class.allow_multiple = True


@_on_step
def conda(*, packages={}, libraries={}, python=None, disabled=None):
    """Packages of the step, from conda: ``packages={"numpy": "2.4.0"}``."""


@_on_step
def pypi(*, packages={}, python=None, disabled=None):
    """Packages of the step, from PyPI: ``packages={"numpy": "2.4.0"}``."""


@_on_step
def kubernetes(
    *,
    cpu: object = "1",
    memory: object = "4096",
    disk: object = "10240",
    image=None,
    image_pull_policy=None,
    image_pull_secrets=None,
    service_account=None,
    secrets=None,
    node_selector=None,
    namespace=None,
    gpu=None,
    gpu_vendor=None,
    tolerations=None,
    labels=None,
    annotations=None,
    use_tmpfs=None,
    tmpfs_tempdir=True,
    tmpfs_size=None,
    tmpfs_path="/metaflow_temp",
    persistent_volume_claims=None,
    shared_memory=None,
    port=None,
    compute_pool=None,
    executable=None,
    hostname_resolution_timeout=600,
    qos="burstable",
    extended_resources={},
    security_context=None,
):
    """Run the step on Kubernetes."""


@_on_step
def batch(
    *,
    cpu=None,
    gpu=None,
    memory=None,
    image=None,
    queue=None,
    iam_role=None,
    execution_role=None,
    shared_memory=None,
    max_swap=None,
    swappiness=None,
    inferentia=None,
    trainium=None,
    efa=None,
    host_volumes=None,
    efs_volumes=None,
    use_tmpfs=False,
    aws_batch_tags=None,
    tmpfs_tempdir=True,
    tmpfs_size=None,
    tmpfs_path="/metaflow_temp",
    ephemeral_storage=None,
    log_driver=None,
    log_options=None,
    executable=None,
    privileged=False,
):
    """Run the step on AWS Batch."""


# Decorators of flows.


@_on_flow
def project(*, name=None, branch=None, production=False):
    """The project that the flow is part of, and its branch."""


@_on_flow
def schedule(*, cron=None, weekly=False, daily=True, hourly=False, timezone=None):
    """When the deployed flow runs."""


@_on_flow
def trigger(*, event=None, events=[], options={}):
    """The events that start the deployed flow."""


@_on_flow
def trigger_on_finish(*, flow=None, flows=[], options={}):
    """The flows whose end starts the deployed flow."""


@_on_flow
def exit_hook(*, on_success=[], on_error=[], options={}):
    """Functions to call when a run has ended."""


@_on_flow
def conda_base(*, packages={}, libraries={}, python=None, disabled=None):
    """Packages of all steps, from conda."""


@_on_flow
def pypi_base(*, packages={}, python=None, disabled=None):
    """Packages of all steps, from PyPI."""


@_on_flow
def airflow_external_task_sensor(
    *,
    external_dag_id=None,
    external_task_ids=None,
    allowed_states=["success"],
    failed_states=None,
    execution_delta=None,
    check_existence=True,
    timeout: float = 3600,
    poke_interval: float = 60,
    mode="reschedule",
    exponential_backoff=True,
    pool=None,
    soft_fail=False,
    name=None,
    description=None,
):
    """Wait for a task of another Airflow DAG (Airflow only)."""


@_on_flow
def airflow_s3_key_sensor(
    *,
    bucket_key=None,
    bucket_name=None,
    wildcard_match=False,
    aws_conn_id=None,
    verify=None,
    timeout: float = 3600,
    poke_interval: float = 60,
    mode="reschedule",
    exponential_backoff=True,
    pool=None,
    soft_fail=False,
    name=None,
    description=None,
):
    """Wait for a key in S3 (Airflow only)."""


for _several in (exit_hook, airflow_external_task_sensor, airflow_s3_key_sensor):
    _several.decorator_class.allow_multiple = True
