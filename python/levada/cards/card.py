"""What a card is: a class whose ``render`` makes HTML of a task."""


class MetaflowCard:
    """Base of all cards. A card of one's own has a ``type`` and a ``render``; see docs/cards.md.

    The constructor is called with ``options`` (those of ``@card``), ``components`` (the step's, rendered), ``graph``
    (the steps by name) and ``flow``; with ``graph_info`` too if it names that parameter.
    """

    #: What ``@card(type=…)`` calls it.
    type = None
    #: Whether the step may put components into it.
    ALLOW_USER_COMPONENTS = False
    #: Whether it can be shown while the task runs.
    RUNTIME_UPDATABLE = False

    RELOAD_POLICY_NEVER = "never"
    RELOAD_POLICY_ALWAYS = "always"
    RELOAD_POLICY_ONCHANGE = "onchange"
    #: When ``refresh`` of the step makes the page anew, not only its data.
    RELOAD_POLICY = RELOAD_POLICY_NEVER
    #: Stands in the HTML where the token goes that tells one version of the page from another.
    RELOAD_POLICY_TOKEN = "[METAFLOW_RELOAD_TOKEN]"

    scope = "task"
    #: What is known of the step's state while a method of the card runs: what it gave ``refresh`` last (``user``), its
    #: components by id, and more.
    runtime_data = None

    def __init__(self, options=None, components=(), graph=None, flow=None):
        pass

    def _get_mustache(self):
        """The module whose ``render(template, data)`` makes a page of a Mustache template."""
        from . import mustache

        return mustache

    def render(self, task):
        """The card as HTML. ``task`` is the task that has ended."""
        raise NotImplementedError("%s has no render()" % type(self).__name__)

    def render_runtime(self, task, data):
        """The card as HTML while the task runs."""
        raise NotImplementedError("%s has no render_runtime()" % type(self).__name__)

    def refresh(self, task, data):
        """What readers of the card get of ``data``: anything that is JSON."""
        raise NotImplementedError("%s has no refresh()" % type(self).__name__)

    def reload_content_token(self, task, data):
        """A text that changes when the page has to be made anew, for RELOAD_POLICY_ONCHANGE."""
        return "content-token"
