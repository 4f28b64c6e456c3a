"""The schemas as code, written by `python -m sow_schemas.generate`: do not edit."""

# ruff: noqa
# fmt: off

from sow_schemas.formats import has_line_break, is_error_code, is_iso_time, is_project_name, is_project_type, is_size, is_task_id, is_time

_KEYS_0 = frozenset(('approved', 'created_at', 'path', 'type'))
_KEYS_1 = frozenset(('approved', 'created_at', 'metadata', 'path', 'type'))
_KEYS_2 = frozenset(('action', 'agent', 'argv', 'created_at', 'executor', 'folder', 'id', 'iteration', 'run_id', 'task_id'))
_KEYS_3 = frozenset(('action', 'agent', 'argv', 'boot_id', 'cached_tokens', 'cost_usd', 'cpu_seconds', 'created_at', 'denials', 'ended_at', 'error_class', 'executor', 'exit_code', 'folder', 'id', 'input_tokens', 'iteration', 'left_out', 'message', 'outcome', 'output_tokens', 'peak_memory', 'pid', 'reason', 'run_id', 'session_id', 'signal', 'start_ticks', 'started_at', 'task_id', 'turns'))
_KEYS_4 = frozenset(('detail', 'reason', 'tool'))
_KEYS_5 = frozenset(('actor', 'payload', 'run_id', 'seq', 'task_id', 'ts', 'type'))
_KEYS_6 = frozenset(('input',))
_KEYS_7 = frozenset(('pipeline',))
_KEYS_8 = frozenset(('msg', 'progress', 'stage'))
_KEYS_9 = frozenset(('kind', 'path'))
_KEYS_10 = frozenset(('fields', 'kind', 'path'))
_KEYS_11 = frozenset(('duration_sec',))
_KEYS_12 = frozenset(('error', 'stack'))
_KEYS_13 = frozenset(('kind', 'question'))
_KEYS_14 = frozenset(('by',))
_KEYS_15 = frozenset(('answer', 'by'))
_KEYS_16 = frozenset(('summary',))
_KEYS_17 = frozenset(('feedback', 'iteration'))
_KEYS_18 = frozenset(('reason',))
_KEYS_19 = frozenset(('not_before', 'reason'))
_KEYS_20 = frozenset(('fields',))
_KEYS_21 = frozenset(('source', 'target'))
_KEYS_22 = frozenset(('name',))
_KEYS_23 = frozenset(('kept',))
_KEYS_24 = frozenset(('changes', 'kept'))
_KEYS_25 = frozenset(('executor', 'session_id'))
_KEYS_26 = frozenset(('action', 'attempt', 'executor', 'pid'))
_KEYS_27 = frozenset(('attempt', 'exit_code', 'outcome'))
_KEYS_28 = frozenset(('attempt', 'cpu_seconds', 'exit_code', 'outcome', 'peak_memory'))
_KEYS_29 = frozenset(('text',))
_KEYS_30 = frozenset(('detail', 'tool'))
_KEYS_31 = frozenset(('input_tokens', 'output_tokens', 'usd'))
_KEYS_32 = frozenset(('branch', 'commit'))
_KEYS_33 = frozenset(('files',))
_KEYS_34 = frozenset(('command', 'folder', 'how', 'output'))
_KEYS_35 = frozenset(('holder', 'lease'))
_KEYS_36 = frozenset(('jobs',))
_KEYS_37 = frozenset(('branch', 'name'))
_KEYS_38 = frozenset(('event', 'source', 'target'))
_KEYS_39 = frozenset(('renumbered', 'tasks'))
_KEYS_40 = frozenset(('changes', 'file', 'kept'))
_KEYS_41 = frozenset(('after', 'before', 'branch'))
_KEYS_42 = frozenset(('branch', 'gates', 'how', 'name'))
_KEYS_43 = frozenset(('branch', 'commit', 'gates', 'how', 'name', 'pull_request', 'target'))
_KEYS_44 = frozenset(('fields', 'phase'))
_KEYS_45 = frozenset(('account', 'executor', 'limit', 'until'))
_KEYS_46 = frozenset(('account', 'executor', 'limit', 'model', 'until'))
_KEYS_47 = frozenset(('account', 'executor', 'limit'))
_KEYS_48 = frozenset(('account', 'executor', 'limit', 'model', 'resets_at', 'used'))
_KEYS_49 = frozenset(('account', 'executor'))
_KEYS_50 = frozenset(('added', 'file', 'updated'))
_KEYS_51 = frozenset(('file', 'reason'))
_KEYS_52 = frozenset(('account', 'executor', 'limits', 'tries', 'warnings'))
_KEYS_53 = frozenset(('account', 'executor', 'limits', 'next_start', 'tries', 'warnings'))
_KEYS_54 = frozenset(('limit', 'met_at', 'setting', 'told', 'until'))
_KEYS_55 = frozenset(('limit', 'met_at', 'model', 'setting', 'told', 'until'))
_KEYS_56 = frozenset(('limit', 'mark', 'told_at'))
_KEYS_57 = frozenset(('limit', 'mark', 'model', 'resets_at', 'told_at', 'used'))
_KEYS_58 = frozenset(('folder', 'task'))
_KEYS_59 = frozenset(('created_at', 'enabled', 'inputs', 'outputs', 'status'))
_KEYS_60 = frozenset(('completed_at', 'created_at', 'enabled', 'failed_at', 'inputs', 'iteration', 'metadata', 'outputs', 'started_at', 'status'))
_KEYS_61 = frozenset(('created_at', 'enabled', 'inputs', 'outputs', 'status', 'tasks'))
_KEYS_62 = frozenset(('completed_at', 'created_at', 'enabled', 'failed_at', 'inputs', 'iteration', 'metadata', 'outputs', 'started_at', 'status', 'tasks'))
_KEYS_63 = frozenset(('branch', 'created_at', 'name', 'statechart', 'type', 'updated_at'))
_KEYS_64 = frozenset(('agent_sessions', 'branch', 'created_at', 'description', 'name', 'statechart', 'type', 'updated_at'))
_KEYS_65 = frozenset(('current_state', 'updated_at'))
_KEYS_66 = frozenset(('branch', 'created_at', 'name', 'phases', 'statechart', 'type', 'updated_at'))
_KEYS_67 = frozenset(('agent_sessions', 'branch', 'created_at', 'description', 'name', 'phases', 'statechart', 'type', 'updated_at'))
_KEYS_68 = frozenset(('initial', 'name', 'phases', 'states'))
_KEYS_69 = frozenset(('branch_prefixes', 'description', 'final', 'initial', 'name', 'phases', 'states'))
_KEYS_70 = frozenset(('state',))
_KEYS_71 = frozenset(('effects', 'event', 'state'))
_KEYS_72 = frozenset(('phase',))
_KEYS_73 = frozenset(('carry', 'enter', 'metadata', 'phase', 'status'))
_KEYS_74 = frozenset(('to', 'type'))
_KEYS_75 = frozenset(('completion', 'inputs', 'metadata', 'outputs', 'statuses', 'task_metadata', 'tasks'))
_KEYS_76 = frozenset(('artifact',))
_KEYS_77 = frozenset(('phase', 'prompt', 'transitions'))
_KEYS_78 = frozenset(('event', 'target'))
_KEYS_79 = frozenset(('description', 'effects', 'event', 'guards', 'target'))
_KEYS_80 = frozenset(('artifacts', 'dependencies', 'metadata', 'task_metadata', 'tasks', 'text'))
_KEYS_81 = frozenset(('equals', 'field'))
_KEYS_82 = frozenset(('equals', 'field', 'phase'))
_KEYS_83 = frozenset(('all', 'at_least', 'completed', 'phase'))
_KEYS_84 = frozenset(('type',))
_KEYS_85 = frozenset(('approved', 'metadata', 'of', 'phase', 'this_iteration', 'type', 'which'))
_KEYS_86 = frozenset(('equals', 'field', 'phase', 'statuses'))
_KEYS_87 = frozenset(('caps', 'checks', 'environment', 'finish', 'formats', 'grace_seconds', 'isolation', 'jobs', 'mcp', 'requires', 'silence_seconds', 'stages', 'state', 'task_types', 'transcript_bytes', 'worktree'))
_KEYS_88 = frozenset(('commit',))
_KEYS_89 = frozenset(('ports', 'setup', 'setup_seconds', 'teardown', 'teardown_seconds'))
_KEYS_90 = frozenset(('forge', 'push', 'target'))
_KEYS_91 = frozenset(('agent',))
_KEYS_92 = frozenset(('agent', 'params'))
_KEYS_93 = frozenset(('agent', 'agents'))
_KEYS_94 = frozenset(('max_budget_usd', 'max_memory', 'max_seconds', 'max_tokens', 'max_turns', 'roles'))
_KEYS_95 = frozenset(('max_budget_usd', 'max_memory', 'max_seconds', 'max_tokens', 'max_turns'))
_KEYS_96 = frozenset(('status',))
_KEYS_97 = frozenset(('data', 'details', 'error_code', 'message', 'status'))
_KEYS_98 = frozenset(('error_code', 'message'))
_KEYS_99 = frozenset(('call', 'caps', 'command', 'enabled', 'executor', 'handler', 'prompt', 'role', 'settings', 'timeout_seconds'))
_KEYS_100 = frozenset(('error_type', 'message', 'timestamp'))
_KEYS_101 = frozenset(('error_type', 'is_retryable', 'message', 'retry_count', 'timestamp', 'traceback'))
_KEYS_102 = frozenset(('pipeline', 'status', 'task_id'))
_KEYS_103 = frozenset(('config_snapshot', 'created_at', 'error', 'input', 'output', 'pipeline', 'requested_by', 'run_id', 'status', 'task_id', 'tool', 'type'))
_KEYS_104 = frozenset(('assigned_agent', 'created_at', 'id', 'inputs', 'iteration', 'name', 'outputs', 'phase', 'status', 'updated_at'))
_KEYS_105 = frozenset(('answer', 'approval', 'assigned_agent', 'attempts', 'base', 'branch', 'commit', 'completed_at', 'created_at', 'depends_on', 'error', 'error_detail', 'executor', 'fresh', 'id', 'inputs', 'iteration', 'metadata', 'name', 'not_before', 'outputs', 'params', 'phase', 'priority', 'question', 'result', 'session_id', 'started_at', 'status', 'task_type', 'updated_at', 'worktree'))
_KEYS_106 = frozenset(('at', 'by', 'text'))
_KEYS_107 = frozenset(('at', 'by'))
_KEYS_108 = frozenset(('asked_at', 'by', 'kind', 'text'))
_KEYS_109 = frozenset(('asked_at', 'by', 'kind', 'options', 'text'))
_KEYS_110 = frozenset(('agents', 'limits'))
_KEYS_111 = frozenset(('bindings', 'executors'))
_KEYS_112 = frozenset(('custom_args', 'settings', 'type'))
_KEYS_113 = frozenset(('hold_at',))
_KEYS_114 = frozenset(('grace_seconds', 'jobs', 'keep_runs', 'keep_tmp', 'stages', 'stale_lock_seconds'))

def artifact_state(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_0:
        return False
    if not v.keys() <= _KEYS_1:
        return False
    v0 = v['type']
    if not isinstance(v0, str):
        return False
    if len(v0) < 1:
        return False
    v1 = v['path']
    if not isinstance(v1, str):
        return False
    if len(v1) < 1:
        return False
    v2 = v['approved']
    if not isinstance(v2, bool):
        return False
    v3 = v['created_at']
    if not isinstance(v3, str):
        return False
    if not is_time(v3):
        return False
    if 'metadata' in v:
        v4 = v['metadata']
        if not isinstance(v4, dict):
            return False
    return True

def attempt(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_2:
        return False
    if not v.keys() <= _KEYS_3:
        return False
    v0 = v['id']
    if not isinstance(v0, str):
        return False
    if len(v0) < 1:
        return False
    v1 = v['task_id']
    if not isinstance(v1, str):
        return False
    if len(v1) > 3:
        return False
    if not is_task_id(v1):
        return False
    v2 = v['agent']
    if not isinstance(v2, str):
        return False
    if len(v2) < 1:
        return False
    v3 = v['executor']
    if not isinstance(v3, str):
        return False
    if len(v3) < 1:
        return False
    if 'session_id' in v:
        v4 = v['session_id']
        if not isinstance(v4, str):
            return False
    v5 = v['iteration']
    if not (isinstance(v5, int) and not isinstance(v5, bool)):
        return False
    if v5 < 1:
        return False
    v6 = v['action']
    if not v6 in ('spawn', 'resume', 'attach'):
        return False
    if 'reason' in v:
        v7 = v['reason']
        if not v7 in ('start', 'answer', 'feedback', 'nudge', 'restart', 'retry', 'interrupted', 'prompt', 'attach'):
            return False
    v8 = v['run_id']
    if not isinstance(v8, str):
        return False
    if len(v8) < 1:
        return False
    v9 = v['folder']
    if not isinstance(v9, str):
        return False
    if len(v9) < 1:
        return False
    v10 = v['argv']
    if not isinstance(v10, list):
        return False
    for v10i in v10:
        if not isinstance(v10i, str):
            return False
    v11 = v['created_at']
    if not isinstance(v11, str):
        return False
    if not is_time(v11):
        return False
    if 'started_at' in v:
        v12 = v['started_at']
        if not isinstance(v12, str):
            return False
        if not is_time(v12):
            return False
    if 'ended_at' in v:
        v13 = v['ended_at']
        if not isinstance(v13, str):
            return False
        if not is_time(v13):
            return False
    if 'pid' in v:
        v14 = v['pid']
        if not (isinstance(v14, int) and not isinstance(v14, bool)):
            return False
        if v14 < 1:
            return False
    if 'start_ticks' in v:
        v15 = v['start_ticks']
        if not (isinstance(v15, int) and not isinstance(v15, bool)):
            return False
        if v15 < 0:
            return False
    if 'boot_id' in v:
        v16 = v['boot_id']
        if not isinstance(v16, str):
            return False
        if len(v16) < 1:
            return False
    if 'exit_code' in v:
        v17 = v['exit_code']
        if not (isinstance(v17, int) and not isinstance(v17, bool)):
            return False
    if 'signal' in v:
        v18 = v['signal']
        if not (isinstance(v18, int) and not isinstance(v18, bool)):
            return False
        if v18 < 1:
            return False
    if 'outcome' in v:
        v19 = v['outcome']
        if not v19 in ('finished', 'failed', 'stopped', 'lost', 'attached'):
            return False
    if 'error_class' in v:
        v20 = v['error_class']
        if not isinstance(v20, str):
            return False
        if len(v20) < 1:
            return False
    if 'message' in v:
        v21 = v['message']
        if not isinstance(v21, str):
            return False
    if 'cost_usd' in v:
        v22 = v['cost_usd']
        if not (isinstance(v22, (int, float)) and not isinstance(v22, bool)):
            return False
        if v22 < 0:
            return False
    if 'input_tokens' in v:
        v23 = v['input_tokens']
        if not (isinstance(v23, int) and not isinstance(v23, bool)):
            return False
        if v23 < 0:
            return False
    if 'output_tokens' in v:
        v24 = v['output_tokens']
        if not (isinstance(v24, int) and not isinstance(v24, bool)):
            return False
        if v24 < 0:
            return False
    if 'cached_tokens' in v:
        v25 = v['cached_tokens']
        if not (isinstance(v25, int) and not isinstance(v25, bool)):
            return False
        if v25 < 0:
            return False
    if 'denials' in v:
        v26 = v['denials']
        if not isinstance(v26, list):
            return False
        for v26i in v26:
            if not isinstance(v26i, dict):
                return False
            if not v26i.keys() >= _KEYS_4:
                return False
            if not v26i.keys() <= _KEYS_4:
                return False
            v26i0 = v26i['tool']
            if not isinstance(v26i0, str):
                return False
            if len(v26i0) < 1:
                return False
            v26i1 = v26i['detail']
            if not isinstance(v26i1, str):
                return False
            v26i2 = v26i['reason']
            if not isinstance(v26i2, str):
                return False
    if 'turns' in v:
        v27 = v['turns']
        if not (isinstance(v27, int) and not isinstance(v27, bool)):
            return False
        if v27 < 0:
            return False
    if 'peak_memory' in v:
        v28 = v['peak_memory']
        if not (isinstance(v28, int) and not isinstance(v28, bool)):
            return False
        if v28 < 0:
            return False
    if 'cpu_seconds' in v:
        v29 = v['cpu_seconds']
        if not (isinstance(v29, (int, float)) and not isinstance(v29, bool)):
            return False
        if v29 < 0:
            return False
    if 'left_out' in v:
        v30 = v['left_out']
        if not (isinstance(v30, int) and not isinstance(v30, bool)):
            return False
        if v30 < 1:
            return False
    return True

def event(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_5:
        return False
    if not v.keys() <= _KEYS_5:
        return False
    v0 = v['ts']
    if not isinstance(v0, str):
        return False
    if not is_time(v0):
        return False
    v1 = v['run_id']
    if not (isinstance(v1, str) or v1 is None):
        return False
    v2 = v['task_id']
    if not (isinstance(v2, str) or v2 is None):
        return False
    if isinstance(v2, str):
        if len(v2) > 3:
            return False
        if not is_task_id(v2):
            return False
    v3 = v['type']
    if not isinstance(v3, str):
        return False
    if len(v3) < 1:
        return False
    v4 = v['payload']
    if not isinstance(v4, dict):
        return False
    v5 = v['seq']
    if not (isinstance(v5, int) and not isinstance(v5, bool)):
        return False
    if v5 < 0:
        return False
    v6 = v['actor']
    if not v6 in ('person', 'orchestrator', 'worker', 'policy', 'executor'):
        return False
    vc = v.get('type')
    if vc == 'task.created':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_6:
                return False
            if not v0.keys() <= _KEYS_6:
                return False
            v00 = v0['input']
            if not isinstance(v00, str):
                return False
    elif vc == 'task.started':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_7:
                return False
            if not v0.keys() <= _KEYS_7:
                return False
            v00 = v0['pipeline']
            if not isinstance(v00, list):
                return False
            for v00i in v00:
                if not isinstance(v00i, str):
                    return False
    elif vc == 'stage.progress':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_8:
                return False
            if not v0.keys() <= _KEYS_8:
                return False
            v00 = v0['stage']
            if not isinstance(v00, str):
                return False
            v01 = v0['progress']
            if not (isinstance(v01, (int, float)) and not isinstance(v01, bool)):
                return False
            if v01 < 0:
                return False
            if v01 > 1:
                return False
            v02 = v0['msg']
            if not isinstance(v02, str):
                return False
    elif vc == 'artifact.written':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_9:
                return False
            if not v0.keys() <= _KEYS_9:
                return False
            v00 = v0['path']
            if not isinstance(v00, str):
                return False
            v01 = v0['kind']
            if not isinstance(v01, str):
                return False
    elif vc == 'artifact.changed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_10:
                return False
            if not v0.keys() <= _KEYS_10:
                return False
            v00 = v0['path']
            if not isinstance(v00, str):
                return False
            v01 = v0['kind']
            if not isinstance(v01, str):
                return False
            v02 = v0['fields']
            if not isinstance(v02, list):
                return False
            for v02i in v02:
                if not isinstance(v02i, str):
                    return False
    elif vc == 'artifact.removed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_9:
                return False
            if not v0.keys() <= _KEYS_9:
                return False
            v00 = v0['path']
            if not isinstance(v00, str):
                return False
            v01 = v0['kind']
            if not isinstance(v01, str):
                return False
    elif vc == 'task.completed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_11:
                return False
            if not v0.keys() <= _KEYS_11:
                return False
            v00 = v0['duration_sec']
            if not (isinstance(v00, (int, float)) and not isinstance(v00, bool)):
                return False
            if v00 < 0:
                return False
    elif vc == 'task.failed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_12:
                return False
            if not v0.keys() <= _KEYS_12:
                return False
            v00 = v0['error']
            if not isinstance(v00, str):
                return False
            v01 = v0['stack']
            if not isinstance(v01, str):
                return False
    elif vc == 'task.paused':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_13:
                return False
            if not v0.keys() <= _KEYS_13:
                return False
            v00 = v0['question']
            if not isinstance(v00, str):
                return False
            v01 = v0['kind']
            if not v01 in ('question', 'permission', 'failure', 'cap'):
                return False
    elif vc == 'task.resumed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_14:
                return False
            if not v0.keys() <= _KEYS_15:
                return False
            v00 = v0['by']
            if not isinstance(v00, str):
                return False
            if 'answer' in v0:
                v01 = v0['answer']
                if not isinstance(v01, str):
                    return False
    elif vc == 'task.needs_review':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_16:
                return False
            if not v0.keys() <= _KEYS_16:
                return False
            v00 = v0['summary']
            if not isinstance(v00, str):
                return False
    elif vc == 'task.feedback':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_17:
                return False
            if not v0.keys() <= _KEYS_17:
                return False
            v00 = v0['iteration']
            if not (isinstance(v00, int) and not isinstance(v00, bool)):
                return False
            if v00 < 1:
                return False
            v01 = v0['feedback']
            if not isinstance(v01, str):
                return False
    elif vc == 'task.abandoned':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_18:
                return False
            if not v0.keys() <= _KEYS_18:
                return False
            v00 = v0['reason']
            if not isinstance(v00, str):
                return False
    elif vc == 'task.retry_scheduled':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_19:
                return False
            if not v0.keys() <= _KEYS_19:
                return False
            v00 = v0['not_before']
            if not isinstance(v00, str):
                return False
            if not is_time(v00):
                return False
            v01 = v0['reason']
            if not isinstance(v01, str):
                return False
    elif vc == 'task.changed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_20:
                return False
            if not v0.keys() <= _KEYS_20:
                return False
            v00 = v0['fields']
            if not isinstance(v00, list):
                return False
            for v00i in v00:
                if not isinstance(v00i, str):
                    return False
    elif vc == 'task.moved':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_21:
                return False
            if not v0.keys() <= _KEYS_21:
                return False
            v00 = v0['source']
            if not isinstance(v00, str):
                return False
            v01 = v0['target']
            if not isinstance(v01, str):
                return False
    elif vc == 'task.removed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_22:
                return False
            if not v0.keys() <= _KEYS_22:
                return False
            v00 = v0['name']
            if not isinstance(v00, str):
                return False
    elif vc == 'task.restored':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_23:
                return False
            if not v0.keys() <= _KEYS_24:
                return False
            v00 = v0['kept']
            if not isinstance(v00, str):
                return False
            if 'changes' in v0:
                v01 = v0['changes']
                if not isinstance(v01, list):
                    return False
                for v01i in v01:
                    if not isinstance(v01i, str):
                        return False
    elif vc == 'session.started':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_25:
                return False
            if not v0.keys() <= _KEYS_25:
                return False
            v00 = v0['session_id']
            if not isinstance(v00, str):
                return False
            v01 = v0['executor']
            if not isinstance(v01, str):
                return False
    elif vc == 'attempt.started':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_26:
                return False
            if not v0.keys() <= _KEYS_26:
                return False
            v00 = v0['attempt']
            if not isinstance(v00, str):
                return False
            v01 = v0['pid']
            if not (isinstance(v01, int) and not isinstance(v01, bool)):
                return False
            if v01 < 1:
                return False
            v02 = v0['executor']
            if not isinstance(v02, str):
                return False
            v03 = v0['action']
            if not v03 in ('spawn', 'resume', 'attach'):
                return False
    elif vc == 'attempt.ended':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_27:
                return False
            if not v0.keys() <= _KEYS_28:
                return False
            v00 = v0['attempt']
            if not isinstance(v00, str):
                return False
            v01 = v0['outcome']
            if not v01 in ('finished', 'failed', 'stopped', 'lost', 'attached'):
                return False
            v02 = v0['exit_code']
            if not ((isinstance(v02, int) and not isinstance(v02, bool)) or v02 is None):
                return False
            if 'peak_memory' in v0:
                v03 = v0['peak_memory']
                if not (isinstance(v03, int) and not isinstance(v03, bool)):
                    return False
                if v03 < 0:
                    return False
            if 'cpu_seconds' in v0:
                v04 = v0['cpu_seconds']
                if not (isinstance(v04, (int, float)) and not isinstance(v04, bool)):
                    return False
                if v04 < 0:
                    return False
    elif vc == 'agent.message':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_29:
                return False
            if not v0.keys() <= _KEYS_29:
                return False
            v00 = v0['text']
            if not isinstance(v00, str):
                return False
    elif vc == 'agent.tool':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_30:
                return False
            if not v0.keys() <= _KEYS_30:
                return False
            v00 = v0['tool']
            if not isinstance(v00, str):
                return False
            v01 = v0['detail']
            if not isinstance(v01, str):
                return False
    elif vc == 'usage.updated':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_31:
                return False
            if not v0.keys() <= _KEYS_31:
                return False
            v00 = v0['usd']
            if not ((isinstance(v00, (int, float)) and not isinstance(v00, bool)) or v00 is None):
                return False
            if (isinstance(v00, (int, float)) and not isinstance(v00, bool)):
                if v00 < 0:
                    return False
            v01 = v0['input_tokens']
            if not (isinstance(v01, int) and not isinstance(v01, bool)):
                return False
            if v01 < 0:
                return False
            v02 = v0['output_tokens']
            if not (isinstance(v02, int) and not isinstance(v02, bool)):
                return False
            if v02 < 0:
                return False
    elif vc == 'merge.done':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_32:
                return False
            if not v0.keys() <= _KEYS_32:
                return False
            v00 = v0['commit']
            if not isinstance(v00, str):
                return False
            v01 = v0['branch']
            if not isinstance(v01, str):
                return False
    elif vc == 'merge.conflict':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_33:
                return False
            if not v0.keys() <= _KEYS_33:
                return False
            v00 = v0['files']
            if not isinstance(v00, list):
                return False
            for v00i in v00:
                if not isinstance(v00i, str):
                    return False
    elif vc == 'teardown.failed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_34:
                return False
            if not v0.keys() <= _KEYS_34:
                return False
            v00 = v0['folder']
            if not isinstance(v00, str):
                return False
            v01 = v0['command']
            if not isinstance(v01, str):
                return False
            v02 = v0['how']
            if not isinstance(v02, str):
                return False
            v03 = v0['output']
            if not isinstance(v03, str):
                return False
    elif vc == 'lock.broken':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_35:
                return False
            if not v0.keys() <= _KEYS_35:
                return False
            v00 = v0['lease']
            if not isinstance(v00, str):
                return False
            v01 = v0['holder']
            if not isinstance(v01, str):
                return False
    elif vc == 'run.started':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_36:
                return False
            if not v0.keys() <= _KEYS_36:
                return False
            v00 = v0['jobs']
            if not (isinstance(v00, int) and not isinstance(v00, bool)):
                return False
            if v00 < 1:
                return False
    elif vc == 'run.ended':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_18:
                return False
            if not v0.keys() <= _KEYS_18:
                return False
            v00 = v0['reason']
            if not isinstance(v00, str):
                return False
    elif vc == 'project.created':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_37:
                return False
            if not v0.keys() <= _KEYS_37:
                return False
            v00 = v0['name']
            if not isinstance(v00, str):
                return False
            v01 = v0['branch']
            if not isinstance(v01, str):
                return False
    elif vc == 'project.advanced':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_38:
                return False
            if not v0.keys() <= _KEYS_38:
                return False
            v00 = v0['event']
            if not isinstance(v00, str):
                return False
            v01 = v0['source']
            if not isinstance(v01, str):
                return False
            v02 = v0['target']
            if not isinstance(v02, str):
                return False
    elif vc == 'project.split':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_39:
                return False
            if not v0.keys() <= _KEYS_39:
                return False
            v00 = v0['tasks']
            if not (isinstance(v00, int) and not isinstance(v00, bool)):
                return False
            if v00 < 0:
                return False
            v01 = v0['renumbered']
            if not isinstance(v01, dict):
                return False
            for v01v in v01.values():
                if not isinstance(v01v, str):
                    return False
    elif vc == 'project.changed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_20:
                return False
            if not v0.keys() <= _KEYS_20:
                return False
            v00 = v0['fields']
            if not isinstance(v00, list):
                return False
            for v00i in v00:
                if not isinstance(v00i, str):
                    return False
    elif vc == 'file.restored':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_40:
                return False
            if not v0.keys() <= _KEYS_40:
                return False
            v00 = v0['file']
            if not isinstance(v00, str):
                return False
            v01 = v0['kept']
            if not isinstance(v01, str):
                return False
            v02 = v0['changes']
            if not isinstance(v02, list):
                return False
            for v02i in v02:
                if not isinstance(v02i, str):
                    return False
    elif vc == 'branch.moved':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_41:
                return False
            if not v0.keys() <= _KEYS_41:
                return False
            v00 = v0['branch']
            if not isinstance(v00, str):
                return False
            v01 = v0['before']
            if not isinstance(v01, str):
                return False
            v02 = v0['after']
            if not isinstance(v02, str):
                return False
    elif vc == 'project.continued':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_37:
                return False
            if not v0.keys() <= _KEYS_37:
                return False
            v00 = v0['name']
            if not isinstance(v00, str):
                return False
            v01 = v0['branch']
            if not isinstance(v01, str):
                return False
    elif vc == 'project.finished':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_42:
                return False
            if not v0.keys() <= _KEYS_43:
                return False
            v00 = v0['name']
            if not isinstance(v00, str):
                return False
            v01 = v0['branch']
            if not isinstance(v01, str):
                return False
            v02 = v0['how']
            if not v02 in ('pr', 'merge', 'leave'):
                return False
            if 'target' in v0:
                v03 = v0['target']
                if not isinstance(v03, str):
                    return False
            if 'commit' in v0:
                v04 = v0['commit']
                if not isinstance(v04, str):
                    return False
            if 'pull_request' in v0:
                v05 = v0['pull_request']
                if not isinstance(v05, str):
                    return False
            v06 = v0['gates']
            if not isinstance(v06, list):
                return False
            for v06i in v06:
                if not isinstance(v06i, str):
                    return False
    elif vc == 'project.deleted':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_37:
                return False
            if not v0.keys() <= _KEYS_37:
                return False
            v00 = v0['name']
            if not isinstance(v00, str):
                return False
            v01 = v0['branch']
            if not isinstance(v01, str):
                return False
    elif vc == 'phase.changed':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_44:
                return False
            if not v0.keys() <= _KEYS_44:
                return False
            v00 = v0['phase']
            if not isinstance(v00, str):
                return False
            v01 = v0['fields']
            if not isinstance(v01, list):
                return False
            for v01i in v01:
                if not isinstance(v01i, str):
                    return False
    elif vc == 'tool.denied':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_30:
                return False
            if not v0.keys() <= _KEYS_30:
                return False
            v00 = v0['tool']
            if not isinstance(v00, str):
                return False
            v01 = v0['detail']
            if not isinstance(v01, str):
                return False
    elif vc == 'limit.reached':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_45:
                return False
            if not v0.keys() <= _KEYS_46:
                return False
            v00 = v0['executor']
            if not isinstance(v00, str):
                return False
            if len(v00) < 1:
                return False
            v01 = v0['account']
            if not isinstance(v01, str):
                return False
            v02 = v0['limit']
            if not isinstance(v02, str):
                return False
            if 'model' in v0:
                v03 = v0['model']
                if not isinstance(v03, str):
                    return False
                if len(v03) < 1:
                    return False
            v04 = v0['until']
            if not isinstance(v04, str):
                return False
            if not is_time(v04):
                return False
    elif vc == 'limit.warning':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_47:
                return False
            if not v0.keys() <= _KEYS_48:
                return False
            v00 = v0['executor']
            if not isinstance(v00, str):
                return False
            if len(v00) < 1:
                return False
            v01 = v0['account']
            if not isinstance(v01, str):
                return False
            v02 = v0['limit']
            if not isinstance(v02, str):
                return False
            if 'model' in v0:
                v03 = v0['model']
                if not isinstance(v03, str):
                    return False
                if len(v03) < 1:
                    return False
            if 'used' in v0:
                v04 = v0['used']
                if not (isinstance(v04, (int, float)) and not isinstance(v04, bool)):
                    return False
                if v04 < 0:
                    return False
            if 'resets_at' in v0:
                v05 = v0['resets_at']
                if not isinstance(v05, str):
                    return False
                if not is_time(v05):
                    return False
    elif vc == 'limit.lifted':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_49:
                return False
            if not v0.keys() <= _KEYS_49:
                return False
            v00 = v0['executor']
            if not isinstance(v00, str):
                return False
            if len(v00) < 1:
                return False
            v01 = v0['account']
            if not isinstance(v01, str):
                return False
    elif vc == 'inbox.taken':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_50:
                return False
            if not v0.keys() <= _KEYS_50:
                return False
            v00 = v0['file']
            if not isinstance(v00, str):
                return False
            v01 = v0['added']
            if not isinstance(v01, list):
                return False
            for v01i in v01:
                if not isinstance(v01i, str):
                    return False
            v02 = v0['updated']
            if not isinstance(v02, list):
                return False
            for v02i in v02:
                if not isinstance(v02i, str):
                    return False
    elif vc == 'inbox.refused':
        if 'payload' in v:
            v0 = v['payload']
            if not isinstance(v0, dict):
                return False
            if not v0.keys() >= _KEYS_51:
                return False
            if not v0.keys() <= _KEYS_51:
                return False
            v00 = v0['file']
            if not isinstance(v00, str):
                return False
            v01 = v0['reason']
            if not isinstance(v01, str):
                return False
    return True

def limit_pool(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_52:
        return False
    if not v.keys() <= _KEYS_53:
        return False
    v0 = v['account']
    if not isinstance(v0, str):
        return False
    if len(v0) < 1:
        return False
    v1 = v['executor']
    if not isinstance(v1, str):
        return False
    if len(v1) < 1:
        return False
    v2 = v['limits']
    if not isinstance(v2, list):
        return False
    for v2i in v2:
        if not isinstance(v2i, dict):
            return False
        if not v2i.keys() >= _KEYS_54:
            return False
        if not v2i.keys() <= _KEYS_55:
            return False
        v2i0 = v2i['limit']
        if not isinstance(v2i0, str):
            return False
        if 'model' in v2i:
            v2i1 = v2i['model']
            if not isinstance(v2i1, str):
                return False
            if len(v2i1) < 1:
                return False
        v2i2 = v2i['setting']
        if not isinstance(v2i2, str):
            return False
        v2i3 = v2i['met_at']
        if not isinstance(v2i3, str):
            return False
        if not is_time(v2i3):
            return False
        v2i4 = v2i['until']
        if not isinstance(v2i4, str):
            return False
        if not is_time(v2i4):
            return False
        v2i5 = v2i['told']
        if not isinstance(v2i5, bool):
            return False
    v3 = v['warnings']
    if not isinstance(v3, list):
        return False
    for v3i in v3:
        if not isinstance(v3i, dict):
            return False
        if not v3i.keys() >= _KEYS_56:
            return False
        if not v3i.keys() <= _KEYS_57:
            return False
        v3i0 = v3i['limit']
        if not isinstance(v3i0, str):
            return False
        if 'model' in v3i:
            v3i1 = v3i['model']
            if not isinstance(v3i1, str):
                return False
            if len(v3i1) < 1:
                return False
        if 'used' in v3i:
            v3i2 = v3i['used']
            if not (isinstance(v3i2, (int, float)) and not isinstance(v3i2, bool)):
                return False
            if v3i2 < 0:
                return False
        v3i3 = v3i['mark']
        if not (isinstance(v3i3, (int, float)) and not isinstance(v3i3, bool)):
            return False
        if v3i3 < 0:
            return False
        if 'resets_at' in v3i:
            v3i4 = v3i['resets_at']
            if not isinstance(v3i4, str):
                return False
            if not is_time(v3i4):
                return False
        v3i5 = v3i['told_at']
        if not isinstance(v3i5, str):
            return False
        if not is_time(v3i5):
            return False
    v4 = v['tries']
    if not isinstance(v4, list):
        return False
    for v4i in v4:
        if not isinstance(v4i, dict):
            return False
        if not v4i.keys() >= _KEYS_58:
            return False
        if not v4i.keys() <= _KEYS_58:
            return False
        v4i0 = v4i['folder']
        if not isinstance(v4i0, str):
            return False
        if len(v4i0) < 1:
            return False
        v4i1 = v4i['task']
        if not isinstance(v4i1, str):
            return False
        if len(v4i1) < 1:
            return False
    if 'next_start' in v:
        v5 = v['next_start']
        if not isinstance(v5, str):
            return False
        if not is_time(v5):
            return False
    return True

def phase_file(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_59:
        return False
    if not v.keys() <= _KEYS_60:
        return False
    v0 = v['status']
    if not isinstance(v0, str):
        return False
    if len(v0) < 1:
        return False
    v1 = v['enabled']
    if not isinstance(v1, bool):
        return False
    v2 = v['created_at']
    if not isinstance(v2, str):
        return False
    if not is_time(v2):
        return False
    if 'started_at' in v:
        v3 = v['started_at']
        if not isinstance(v3, str):
            return False
        if not is_time(v3):
            return False
    if 'completed_at' in v:
        v4 = v['completed_at']
        if not isinstance(v4, str):
            return False
        if not is_time(v4):
            return False
    if 'failed_at' in v:
        v5 = v['failed_at']
        if not isinstance(v5, str):
            return False
        if not is_time(v5):
            return False
    if 'iteration' in v:
        v6 = v['iteration']
        if not (isinstance(v6, int) and not isinstance(v6, bool)):
            return False
        if v6 < 1:
            return False
    if 'metadata' in v:
        v7 = v['metadata']
        if not isinstance(v7, dict):
            return False
    v8 = v['inputs']
    if not isinstance(v8, list):
        return False
    for v8i in v8:
        if not artifact_state(v8i):
            return False
    v9 = v['outputs']
    if not isinstance(v9, list):
        return False
    for v9i in v9:
        if not artifact_state(v9i):
            return False
    return True

def phase_state(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_61:
        return False
    if not v.keys() <= _KEYS_62:
        return False
    v0 = v['status']
    if not isinstance(v0, str):
        return False
    if len(v0) < 1:
        return False
    v1 = v['enabled']
    if not isinstance(v1, bool):
        return False
    v2 = v['created_at']
    if not isinstance(v2, str):
        return False
    if not is_time(v2):
        return False
    if 'started_at' in v:
        v3 = v['started_at']
        if not isinstance(v3, str):
            return False
        if not is_time(v3):
            return False
    if 'completed_at' in v:
        v4 = v['completed_at']
        if not isinstance(v4, str):
            return False
        if not is_time(v4):
            return False
    if 'failed_at' in v:
        v5 = v['failed_at']
        if not isinstance(v5, str):
            return False
        if not is_time(v5):
            return False
    if 'iteration' in v:
        v6 = v['iteration']
        if not (isinstance(v6, int) and not isinstance(v6, bool)):
            return False
        if v6 < 1:
            return False
    if 'metadata' in v:
        v7 = v['metadata']
        if not isinstance(v7, dict):
            return False
    v8 = v['inputs']
    if not isinstance(v8, list):
        return False
    for v8i in v8:
        if not artifact_state(v8i):
            return False
    v9 = v['outputs']
    if not isinstance(v9, list):
        return False
    for v9i in v9:
        if not artifact_state(v9i):
            return False
    v10 = v['tasks']
    if not isinstance(v10, list):
        return False
    for v10i in v10:
        if not task_state(v10i):
            return False
    return True

def project_file(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_63:
        return False
    if not v.keys() <= _KEYS_64:
        return False
    v0 = v['name']
    if not isinstance(v0, str):
        return False
    if not is_project_name(v0):
        return False
    if has_line_break(v0):
        return False
    v1 = v['type']
    if not isinstance(v1, str):
        return False
    if not is_project_type(v1):
        return False
    if has_line_break(v1):
        return False
    v2 = v['branch']
    if not isinstance(v2, str):
        return False
    if len(v2) < 1:
        return False
    if 'description' in v:
        v3 = v['description']
        if not isinstance(v3, str):
            return False
    v4 = v['created_at']
    if not isinstance(v4, str):
        return False
    if not is_time(v4):
        return False
    v5 = v['updated_at']
    if not isinstance(v5, str):
        return False
    if not is_time(v5):
        return False
    v6 = v['statechart']
    if not isinstance(v6, dict):
        return False
    if not v6.keys() >= _KEYS_65:
        return False
    if not v6.keys() <= _KEYS_65:
        return False
    v60 = v6['current_state']
    if not isinstance(v60, str):
        return False
    if len(v60) < 1:
        return False
    v61 = v6['updated_at']
    if not isinstance(v61, str):
        return False
    if not is_time(v61):
        return False
    if 'agent_sessions' in v:
        v7 = v['agent_sessions']
        if not isinstance(v7, dict):
            return False
        for v7v in v7.values():
            if not isinstance(v7v, str):
                return False
    return True

def project_state(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_66:
        return False
    if not v.keys() <= _KEYS_67:
        return False
    v0 = v['name']
    if not isinstance(v0, str):
        return False
    if not is_project_name(v0):
        return False
    if has_line_break(v0):
        return False
    v1 = v['type']
    if not isinstance(v1, str):
        return False
    if not is_project_type(v1):
        return False
    if has_line_break(v1):
        return False
    v2 = v['branch']
    if not isinstance(v2, str):
        return False
    if len(v2) < 1:
        return False
    if 'description' in v:
        v3 = v['description']
        if not isinstance(v3, str):
            return False
    v4 = v['created_at']
    if not isinstance(v4, str):
        return False
    if not is_time(v4):
        return False
    v5 = v['updated_at']
    if not isinstance(v5, str):
        return False
    if not is_time(v5):
        return False
    v6 = v['phases']
    if not isinstance(v6, dict):
        return False
    for v6v in v6.values():
        if not phase_state(v6v):
            return False
    v7 = v['statechart']
    if not isinstance(v7, dict):
        return False
    if not v7.keys() >= _KEYS_65:
        return False
    if not v7.keys() <= _KEYS_65:
        return False
    v70 = v7['current_state']
    if not isinstance(v70, str):
        return False
    if len(v70) < 1:
        return False
    v71 = v7['updated_at']
    if not isinstance(v71, str):
        return False
    if not is_time(v71):
        return False
    if 'agent_sessions' in v:
        v8 = v['agent_sessions']
        if not isinstance(v8, dict):
            return False
        for v8v in v8.values():
            if not isinstance(v8v, str):
                return False
    return True

def project_type(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_68:
        return False
    if not v.keys() <= _KEYS_69:
        return False
    v0 = v['name']
    if not isinstance(v0, str):
        return False
    if not is_project_type(v0):
        return False
    if has_line_break(v0):
        return False
    if 'description' in v:
        v1 = v['description']
        if not isinstance(v1, str):
            return False
        if len(v1) < 1:
            return False
    if 'branch_prefixes' in v:
        v2 = v['branch_prefixes']
        if not isinstance(v2, list):
            return False
        for v2i in v2:
            if not isinstance(v2i, str):
                return False
            if len(v2i) < 1:
                return False
    v3 = v['initial']
    if not isinstance(v3, dict):
        return False
    if not v3.keys() >= _KEYS_70:
        return False
    if not v3.keys() <= _KEYS_71:
        return False
    v30 = v3['state']
    if not isinstance(v30, str):
        return False
    if len(v30) < 1:
        return False
    if 'event' in v3:
        v31 = v3['event']
        if not isinstance(v31, str):
            return False
        if len(v31) < 1:
            return False
    if 'effects' in v3:
        v32 = v3['effects']
        if not isinstance(v32, list):
            return False
        for v32i in v32:
            if not isinstance(v32i, dict):
                return False
            if not v32i.keys() >= _KEYS_72:
                return False
            if not v32i.keys() <= _KEYS_73:
                return False
            v32i0 = v32i['phase']
            if not isinstance(v32i0, str):
                return False
            if len(v32i0) < 1:
                return False
            if 'enter' in v32i:
                v32i1 = v32i['enter']
                if not isinstance(v32i1, bool):
                    return False
            if 'status' in v32i:
                v32i2 = v32i['status']
                if not isinstance(v32i2, str):
                    return False
                if len(v32i2) < 1:
                    return False
            if 'metadata' in v32i:
                v32i3 = v32i['metadata']
                if not isinstance(v32i3, dict):
                    return False
            if 'carry' in v32i:
                v32i4 = v32i['carry']
                if not isinstance(v32i4, dict):
                    return False
                if not v32i4.keys() >= _KEYS_74:
                    return False
                if not v32i4.keys() <= _KEYS_74:
                    return False
                v32i40 = v32i4['type']
                if not isinstance(v32i40, str):
                    return False
                if len(v32i40) < 1:
                    return False
                v32i41 = v32i4['to']
                if not isinstance(v32i41, str):
                    return False
                if len(v32i41) < 1:
                    return False
    if 'final' in v:
        v4 = v['final']
        if not isinstance(v4, list):
            return False
        for v4i in v4:
            if not isinstance(v4i, str):
                return False
            if len(v4i) < 1:
                return False
    v5 = v['phases']
    if not isinstance(v5, dict):
        return False
    for v5v in v5.values():
        if not isinstance(v5v, dict):
            return False
        if not v5v.keys() <= _KEYS_75:
            return False
        if 'tasks' in v5v:
            v5v0 = v5v['tasks']
            if not isinstance(v5v0, bool):
                return False
        if 'inputs' in v5v:
            v5v1 = v5v['inputs']
            if not isinstance(v5v1, list):
                return False
            for v5v1i in v5v1:
                if not isinstance(v5v1i, str):
                    return False
                if len(v5v1i) < 1:
                    return False
        if 'outputs' in v5v:
            v5v2 = v5v['outputs']
            if not isinstance(v5v2, list):
                return False
            for v5v2i in v5v2:
                if not isinstance(v5v2i, str):
                    return False
                if len(v5v2i) < 1:
                    return False
        if 'statuses' in v5v:
            v5v3 = v5v['statuses']
            if not isinstance(v5v3, list):
                return False
            for v5v3i in v5v3:
                if not isinstance(v5v3i, str):
                    return False
                if len(v5v3i) < 1:
                    return False
        if 'metadata' in v5v:
            v5v4 = v5v['metadata']
            if not isinstance(v5v4, dict):
                return False
        if 'task_metadata' in v5v:
            v5v5 = v5v['task_metadata']
            if not isinstance(v5v5, dict):
                return False
        if 'completion' in v5v:
            v5v6 = v5v['completion']
            if not isinstance(v5v6, dict):
                return False
            if not v5v6.keys() >= _KEYS_76:
                return False
            if not v5v6.keys() <= _KEYS_76:
                return False
            v5v60 = v5v6['artifact']
            if not isinstance(v5v60, str):
                return False
            if len(v5v60) < 1:
                return False
    v6 = v['states']
    if not isinstance(v6, dict):
        return False
    for v6v in v6.values():
        if not isinstance(v6v, dict):
            return False
        if not v6v.keys() <= _KEYS_77:
            return False
        if 'phase' in v6v:
            v6v0 = v6v['phase']
            if not isinstance(v6v0, str):
                return False
            if len(v6v0) < 1:
                return False
        if 'prompt' in v6v:
            v6v1 = v6v['prompt']
            if not isinstance(v6v1, str):
                return False
            if len(v6v1) < 1:
                return False
        if 'transitions' in v6v:
            v6v2 = v6v['transitions']
            if not isinstance(v6v2, list):
                return False
            for v6v2i in v6v2:
                if not isinstance(v6v2i, dict):
                    return False
                if not v6v2i.keys() >= _KEYS_78:
                    return False
                if not v6v2i.keys() <= _KEYS_79:
                    return False
                v6v2i0 = v6v2i['event']
                if not isinstance(v6v2i0, str):
                    return False
                if len(v6v2i0) < 1:
                    return False
                v6v2i1 = v6v2i['target']
                if not isinstance(v6v2i1, str):
                    return False
                if len(v6v2i1) < 1:
                    return False
                if 'description' in v6v2i:
                    v6v2i2 = v6v2i['description']
                    if not isinstance(v6v2i2, str):
                        return False
                    if len(v6v2i2) < 1:
                        return False
                if 'guards' in v6v2i:
                    v6v2i3 = v6v2i['guards']
                    if not isinstance(v6v2i3, list):
                        return False
                    for v6v2i3i in v6v2i3:
                        if not isinstance(v6v2i3i, dict):
                            return False
                        if not v6v2i3i.keys() >= _KEYS_29:
                            return False
                        if not v6v2i3i.keys() <= _KEYS_80:
                            return False
                        v6v2i3i0 = v6v2i3i['text']
                        if not isinstance(v6v2i3i0, str):
                            return False
                        if len(v6v2i3i0) < 1:
                            return False
                        if 'metadata' in v6v2i3i:
                            v6v2i3i1 = v6v2i3i['metadata']
                            if not isinstance(v6v2i3i1, dict):
                                return False
                            if not v6v2i3i1.keys() >= _KEYS_81:
                                return False
                            if not v6v2i3i1.keys() <= _KEYS_82:
                                return False
                            if 'phase' in v6v2i3i1:
                                v6v2i3i10 = v6v2i3i1['phase']
                                if not isinstance(v6v2i3i10, str):
                                    return False
                                if len(v6v2i3i10) < 1:
                                    return False
                            v6v2i3i11 = v6v2i3i1['field']
                            if not isinstance(v6v2i3i11, str):
                                return False
                            if len(v6v2i3i11) < 1:
                                return False
                        if 'tasks' in v6v2i3i:
                            v6v2i3i2 = v6v2i3i['tasks']
                            if not isinstance(v6v2i3i2, dict):
                                return False
                            if not v6v2i3i2.keys() <= _KEYS_83:
                                return False
                            if 'phase' in v6v2i3i2:
                                v6v2i3i20 = v6v2i3i2['phase']
                                if not isinstance(v6v2i3i20, str):
                                    return False
                                if len(v6v2i3i20) < 1:
                                    return False
                            if 'at_least' in v6v2i3i2:
                                v6v2i3i21 = v6v2i3i2['at_least']
                                if not (isinstance(v6v2i3i21, int) and not isinstance(v6v2i3i21, bool)):
                                    return False
                                if v6v2i3i21 < 0:
                                    return False
                            if 'all' in v6v2i3i2:
                                v6v2i3i22 = v6v2i3i2['all']
                                if not isinstance(v6v2i3i22, list):
                                    return False
                                for v6v2i3i22i in v6v2i3i22:
                                    if not v6v2i3i22i in ('pending', 'in_progress', 'paused', 'needs_review', 'completed', 'abandoned'):
                                        return False
                            if 'completed' in v6v2i3i2:
                                v6v2i3i23 = v6v2i3i2['completed']
                                if not (isinstance(v6v2i3i23, int) and not isinstance(v6v2i3i23, bool)):
                                    return False
                                if v6v2i3i23 < 0:
                                    return False
                        if 'artifacts' in v6v2i3i:
                            v6v2i3i3 = v6v2i3i['artifacts']
                            if not isinstance(v6v2i3i3, dict):
                                return False
                            if not v6v2i3i3.keys() >= _KEYS_84:
                                return False
                            if not v6v2i3i3.keys() <= _KEYS_85:
                                return False
                            if 'phase' in v6v2i3i3:
                                v6v2i3i30 = v6v2i3i3['phase']
                                if not isinstance(v6v2i3i30, str):
                                    return False
                                if len(v6v2i3i30) < 1:
                                    return False
                            if 'of' in v6v2i3i3:
                                v6v2i3i31 = v6v2i3i3['of']
                                if not v6v2i3i31 in ('inputs', 'outputs'):
                                    return False
                            v6v2i3i32 = v6v2i3i3['type']
                            if not isinstance(v6v2i3i32, str):
                                return False
                            if len(v6v2i3i32) < 1:
                                return False
                            if 'which' in v6v2i3i3:
                                v6v2i3i33 = v6v2i3i3['which']
                                if not v6v2i3i33 in ('all', 'any', 'newest'):
                                    return False
                            if 'this_iteration' in v6v2i3i3:
                                v6v2i3i34 = v6v2i3i3['this_iteration']
                                if not isinstance(v6v2i3i34, bool):
                                    return False
                            if 'approved' in v6v2i3i3:
                                v6v2i3i35 = v6v2i3i3['approved']
                                if not isinstance(v6v2i3i35, bool):
                                    return False
                            if 'metadata' in v6v2i3i3:
                                v6v2i3i36 = v6v2i3i3['metadata']
                                if not isinstance(v6v2i3i36, dict):
                                    return False
                        if 'task_metadata' in v6v2i3i:
                            v6v2i3i4 = v6v2i3i['task_metadata']
                            if not isinstance(v6v2i3i4, dict):
                                return False
                            if not v6v2i3i4.keys() >= _KEYS_81:
                                return False
                            if not v6v2i3i4.keys() <= _KEYS_86:
                                return False
                            if 'phase' in v6v2i3i4:
                                v6v2i3i40 = v6v2i3i4['phase']
                                if not isinstance(v6v2i3i40, str):
                                    return False
                                if len(v6v2i3i40) < 1:
                                    return False
                            v6v2i3i41 = v6v2i3i4['field']
                            if not isinstance(v6v2i3i41, str):
                                return False
                            if len(v6v2i3i41) < 1:
                                return False
                            if 'statuses' in v6v2i3i4:
                                v6v2i3i43 = v6v2i3i4['statuses']
                                if not isinstance(v6v2i3i43, list):
                                    return False
                                for v6v2i3i43i in v6v2i3i43:
                                    if not v6v2i3i43i in ('pending', 'in_progress', 'paused', 'needs_review', 'completed', 'abandoned'):
                                        return False
                        if 'dependencies' in v6v2i3i:
                            v6v2i3i5 = v6v2i3i['dependencies']
                            if not isinstance(v6v2i3i5, dict):
                                return False
                            if not v6v2i3i5.keys() <= _KEYS_72:
                                return False
                            if 'phase' in v6v2i3i5:
                                v6v2i3i50 = v6v2i3i5['phase']
                                if not isinstance(v6v2i3i50, str):
                                    return False
                                if len(v6v2i3i50) < 1:
                                    return False
                if 'effects' in v6v2i:
                    v6v2i4 = v6v2i['effects']
                    if not isinstance(v6v2i4, list):
                        return False
                    for v6v2i4i in v6v2i4:
                        if not isinstance(v6v2i4i, dict):
                            return False
                        if not v6v2i4i.keys() >= _KEYS_72:
                            return False
                        if not v6v2i4i.keys() <= _KEYS_73:
                            return False
                        v6v2i4i0 = v6v2i4i['phase']
                        if not isinstance(v6v2i4i0, str):
                            return False
                        if len(v6v2i4i0) < 1:
                            return False
                        if 'enter' in v6v2i4i:
                            v6v2i4i1 = v6v2i4i['enter']
                            if not isinstance(v6v2i4i1, bool):
                                return False
                        if 'status' in v6v2i4i:
                            v6v2i4i2 = v6v2i4i['status']
                            if not isinstance(v6v2i4i2, str):
                                return False
                            if len(v6v2i4i2) < 1:
                                return False
                        if 'metadata' in v6v2i4i:
                            v6v2i4i3 = v6v2i4i['metadata']
                            if not isinstance(v6v2i4i3, dict):
                                return False
                        if 'carry' in v6v2i4i:
                            v6v2i4i4 = v6v2i4i['carry']
                            if not isinstance(v6v2i4i4, dict):
                                return False
                            if not v6v2i4i4.keys() >= _KEYS_74:
                                return False
                            if not v6v2i4i4.keys() <= _KEYS_74:
                                return False
                            v6v2i4i40 = v6v2i4i4['type']
                            if not isinstance(v6v2i4i40, str):
                                return False
                            if len(v6v2i4i40) < 1:
                                return False
                            v6v2i4i41 = v6v2i4i4['to']
                            if not isinstance(v6v2i4i41, str):
                                return False
                            if len(v6v2i4i41) < 1:
                                return False
    return True

def repository_config(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() <= _KEYS_87:
        return False
    if 'requires' in v:
        v0 = v['requires']
        if not isinstance(v0, str):
            return False
        if len(v0) < 1:
            return False
    if 'jobs' in v:
        v1 = v['jobs']
        if not (isinstance(v1, int) and not isinstance(v1, bool)):
            return False
        if v1 < 1:
            return False
        if v1 > 256:
            return False
    if 'state' in v:
        v2 = v['state']
        if not isinstance(v2, dict):
            return False
        if not v2.keys() <= _KEYS_88:
            return False
        if 'commit' in v2:
            v20 = v2['commit']
            if not v20 in ('auto', 'never'):
                return False
    if 'isolation' in v:
        v3 = v['isolation']
        if not v3 in ('task', 'project'):
            return False
    if 'worktree' in v:
        v4 = v['worktree']
        if not isinstance(v4, dict):
            return False
        if not v4.keys() <= _KEYS_89:
            return False
        if 'setup' in v4:
            v40 = v4['setup']
            if not isinstance(v40, list):
                return False
            for v40i in v40:
                if not isinstance(v40i, str):
                    return False
                if len(v40i) < 1:
                    return False
        if 'teardown' in v4:
            v41 = v4['teardown']
            if not isinstance(v41, list):
                return False
            for v41i in v41:
                if not isinstance(v41i, str):
                    return False
                if len(v41i) < 1:
                    return False
        if 'setup_seconds' in v4:
            v42 = v4['setup_seconds']
            if not (isinstance(v42, (int, float)) and not isinstance(v42, bool)):
                return False
            if v42 < 0:
                return False
        if 'teardown_seconds' in v4:
            v43 = v4['teardown_seconds']
            if not (isinstance(v43, (int, float)) and not isinstance(v43, bool)):
                return False
            if v43 <= 0:
                return False
        if 'ports' in v4:
            v44 = v4['ports']
            if not (isinstance(v44, int) and not isinstance(v44, bool)):
                return False
            if v44 < 0:
                return False
            if v44 > 100:
                return False
    if 'checks' in v:
        v5 = v['checks']
        if not isinstance(v5, list):
            return False
        for v5i in v5:
            if not isinstance(v5i, str):
                return False
            if len(v5i) < 1:
                return False
    if 'finish' in v:
        v6 = v['finish']
        if not isinstance(v6, dict):
            return False
        if not v6.keys() <= _KEYS_90:
            return False
        if 'forge' in v6:
            v60 = v6['forge']
            if not isinstance(v60, str):
                return False
            if len(v60) < 1:
                return False
        if 'push' in v6:
            v61 = v6['push']
            if not isinstance(v61, str):
                return False
            if len(v61) < 1:
                return False
        if 'target' in v6:
            v62 = v6['target']
            if not isinstance(v62, str):
                return False
            if len(v62) < 1:
                return False
    if 'environment' in v:
        v7 = v['environment']
        if not isinstance(v7, list):
            return False
        for v7i in v7:
            if not isinstance(v7i, str):
                return False
            if len(v7i) < 1:
                return False
    if 'mcp' in v:
        v8 = v['mcp']
        if not isinstance(v8, bool):
            return False
    if 'task_types' in v:
        v9 = v['task_types']
        if not isinstance(v9, dict):
            return False
        for v9v in v9.values():
            if not isinstance(v9v, dict):
                return False
            if not v9v.keys() >= _KEYS_91:
                return False
            if not v9v.keys() <= _KEYS_92:
                return False
            v9v0 = v9v['agent']
            if not isinstance(v9v0, str):
                return False
            if len(v9v0) < 1:
                return False
            if 'params' in v9v:
                v9v1 = v9v['params']
                if not isinstance(v9v1, dict):
                    return False
    if 'formats' in v:
        v10 = v['formats']
        if not isinstance(v10, dict):
            return False
        if not v10.keys() <= _KEYS_93:
            return False
        if 'agent' in v10:
            v100 = v10['agent']
            if not isinstance(v100, str):
                return False
            if len(v100) < 1:
                return False
        if 'agents' in v10:
            v101 = v10['agents']
            if not isinstance(v101, dict):
                return False
            for v101v in v101.values():
                if not isinstance(v101v, str):
                    return False
                if len(v101v) < 1:
                    return False
    if 'grace_seconds' in v:
        v11 = v['grace_seconds']
        if not (isinstance(v11, (int, float)) and not isinstance(v11, bool)):
            return False
        if v11 <= 0:
            return False
    if 'silence_seconds' in v:
        v12 = v['silence_seconds']
        if not (isinstance(v12, (int, float)) and not isinstance(v12, bool)):
            return False
        if v12 < 0:
            return False
    if 'transcript_bytes' in v:
        v13 = v['transcript_bytes']
        if not ((isinstance(v13, int) and not isinstance(v13, bool)) or isinstance(v13, str)):
            return False
        if isinstance(v13, str):
            if not is_size(v13):
                return False
        if (isinstance(v13, (int, float)) and not isinstance(v13, bool)):
            if v13 < 1:
                return False
    if 'caps' in v:
        v14 = v['caps']
        if not isinstance(v14, dict):
            return False
        if not v14.keys() <= _KEYS_94:
            return False
        if 'max_turns' in v14:
            v140 = v14['max_turns']
            if not (isinstance(v140, int) and not isinstance(v140, bool)):
                return False
            if v140 < 1:
                return False
        if 'max_seconds' in v14:
            v141 = v14['max_seconds']
            if not (isinstance(v141, (int, float)) and not isinstance(v141, bool)):
                return False
            if v141 <= 0:
                return False
        if 'max_budget_usd' in v14:
            v142 = v14['max_budget_usd']
            if not (isinstance(v142, (int, float)) and not isinstance(v142, bool)):
                return False
            if v142 <= 0:
                return False
        if 'max_tokens' in v14:
            v143 = v14['max_tokens']
            if not (isinstance(v143, int) and not isinstance(v143, bool)):
                return False
            if v143 < 1:
                return False
        if 'max_memory' in v14:
            v144 = v14['max_memory']
            if not ((isinstance(v144, int) and not isinstance(v144, bool)) or isinstance(v144, str)):
                return False
            if isinstance(v144, str):
                if not is_size(v144):
                    return False
            if (isinstance(v144, (int, float)) and not isinstance(v144, bool)):
                if v144 < 1:
                    return False
        if 'roles' in v14:
            v145 = v14['roles']
            if not isinstance(v145, dict):
                return False
            for v145v in v145.values():
                if not isinstance(v145v, dict):
                    return False
                if not v145v.keys() <= _KEYS_95:
                    return False
                if 'max_turns' in v145v:
                    v145v0 = v145v['max_turns']
                    if not (isinstance(v145v0, int) and not isinstance(v145v0, bool)):
                        return False
                    if v145v0 < 1:
                        return False
                if 'max_seconds' in v145v:
                    v145v1 = v145v['max_seconds']
                    if not (isinstance(v145v1, (int, float)) and not isinstance(v145v1, bool)):
                        return False
                    if v145v1 <= 0:
                        return False
                if 'max_budget_usd' in v145v:
                    v145v2 = v145v['max_budget_usd']
                    if not (isinstance(v145v2, (int, float)) and not isinstance(v145v2, bool)):
                        return False
                    if v145v2 <= 0:
                        return False
                if 'max_tokens' in v145v:
                    v145v3 = v145v['max_tokens']
                    if not (isinstance(v145v3, int) and not isinstance(v145v3, bool)):
                        return False
                    if v145v3 < 1:
                        return False
                if 'max_memory' in v145v:
                    v145v4 = v145v['max_memory']
                    if not ((isinstance(v145v4, int) and not isinstance(v145v4, bool)) or isinstance(v145v4, str)):
                        return False
                    if isinstance(v145v4, str):
                        if not is_size(v145v4):
                            return False
                    if (isinstance(v145v4, (int, float)) and not isinstance(v145v4, bool)):
                        if v145v4 < 1:
                            return False
    if 'stages' in v:
        v15 = v['stages']
        if not isinstance(v15, dict):
            return False
        for v15v in v15.values():
            if not stage(v15v):
                return False
    return True

def result(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_96:
        return False
    if not v.keys() <= _KEYS_97:
        return False
    v0 = v['status']
    if not v0 in ('success', 'error'):
        return False
    if 'message' in v:
        v1 = v['message']
        if not isinstance(v1, str):
            return False
    if 'data' in v:
        v2 = v['data']
        if not isinstance(v2, dict):
            return False
    if 'error_code' in v:
        v3 = v['error_code']
        if not isinstance(v3, str):
            return False
        if not is_error_code(v3):
            return False
        if has_line_break(v3):
            return False
    if 'details' in v:
        v4 = v['details']
        if not isinstance(v4, dict):
            return False
    vc = v.get('status')
    if vc == 'success':
        if 'error_code' in v:
            return False
        if 'details' in v:
            return False
    elif vc == 'error':
        if not v.keys() >= _KEYS_98:
            return False
        if 'data' in v:
            return False
    return True

def stage(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() <= _KEYS_99:
        return False
    if 'handler' in v:
        v0 = v['handler']
        if not isinstance(v0, str):
            return False
        if len(v0) < 1:
            return False
    if 'command' in v:
        v1 = v['command']
        if not isinstance(v1, str):
            return False
        if len(v1) < 1:
            return False
    if 'call' in v:
        v2 = v['call']
        if not isinstance(v2, str):
            return False
        if len(v2) < 1:
            return False
    if 'prompt' in v:
        v3 = v['prompt']
        if not isinstance(v3, str):
            return False
        if len(v3) < 1:
            return False
    if 'role' in v:
        v4 = v['role']
        if not isinstance(v4, str):
            return False
        if len(v4) < 1:
            return False
    if 'executor' in v:
        v5 = v['executor']
        if not isinstance(v5, str):
            return False
        if len(v5) < 1:
            return False
    if 'timeout_seconds' in v:
        v6 = v['timeout_seconds']
        if not (isinstance(v6, (int, float)) and not isinstance(v6, bool)):
            return False
        if v6 <= 0:
            return False
    if 'enabled' in v:
        v7 = v['enabled']
        if not isinstance(v7, bool):
            return False
    if 'caps' in v:
        v8 = v['caps']
        if not isinstance(v8, dict):
            return False
        if not v8.keys() <= _KEYS_95:
            return False
        if 'max_turns' in v8:
            v80 = v8['max_turns']
            if not (isinstance(v80, int) and not isinstance(v80, bool)):
                return False
            if v80 < 1:
                return False
        if 'max_seconds' in v8:
            v81 = v8['max_seconds']
            if not (isinstance(v81, (int, float)) and not isinstance(v81, bool)):
                return False
            if v81 <= 0:
                return False
        if 'max_budget_usd' in v8:
            v82 = v8['max_budget_usd']
            if not (isinstance(v82, (int, float)) and not isinstance(v82, bool)):
                return False
            if v82 <= 0:
                return False
        if 'max_tokens' in v8:
            v83 = v8['max_tokens']
            if not (isinstance(v83, int) and not isinstance(v83, bool)):
                return False
            if v83 < 1:
                return False
        if 'max_memory' in v8:
            v84 = v8['max_memory']
            if not ((isinstance(v84, int) and not isinstance(v84, bool)) or isinstance(v84, str)):
                return False
            if isinstance(v84, str):
                if not is_size(v84):
                    return False
            if (isinstance(v84, (int, float)) and not isinstance(v84, bool)):
                if v84 < 1:
                    return False
    if 'settings' in v:
        v9 = v['settings']
        if not isinstance(v9, dict):
            return False
    return True

def task_error(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_100:
        return False
    if not v.keys() <= _KEYS_101:
        return False
    v0 = v['error_type']
    if not v0 in ('runtime', 'timeout', 'validation', 'resource', 'network', 'system', 'user', 'unknown'):
        return False
    v1 = v['message']
    if not isinstance(v1, str):
        return False
    v2 = v['timestamp']
    if not isinstance(v2, str):
        return False
    if not is_time(v2):
        return False
    if 'traceback' in v:
        v3 = v['traceback']
        if not (isinstance(v3, str) or v3 is None):
            return False
    if 'retry_count' in v:
        v4 = v['retry_count']
        if not (isinstance(v4, int) and not isinstance(v4, bool)):
            return False
        if v4 < 0:
            return False
    if 'is_retryable' in v:
        v5 = v['is_retryable']
        if not isinstance(v5, bool):
            return False
    return True

def task_file(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_102:
        return False
    if not v.keys() <= _KEYS_103:
        return False
    v0 = v['task_id']
    if not isinstance(v0, str):
        return False
    if len(v0) < 1:
        return False
    if 'run_id' in v:
        v1 = v['run_id']
        if not (isinstance(v1, str) or v1 is None):
            return False
    if 'created_at' in v:
        v2 = v['created_at']
        if not isinstance(v2, str):
            return False
        if not is_iso_time(v2):
            return False
    v3 = v['status']
    if not v3 in ('queued', 'running', 'done', 'failed', 'canceled'):
        return False
    if 'type' in v:
        v4 = v['type']
        if not isinstance(v4, str):
            return False
    if 'requested_by' in v:
        v5 = v['requested_by']
        if not isinstance(v5, str):
            return False
    if 'tool' in v:
        v6 = v['tool']
        if not isinstance(v6, str):
            return False
    if 'config_snapshot' in v:
        v7 = v['config_snapshot']
        if not isinstance(v7, dict):
            return False
    if 'input' in v:
        v8 = v['input']
        if not isinstance(v8, dict):
            return False
    v9 = v['pipeline']
    if not isinstance(v9, list):
        return False
    for v9i in v9:
        if not isinstance(v9i, str):
            return False
        if len(v9i) < 1:
            return False
    if 'output' in v:
        v10 = v['output']
        if not isinstance(v10, dict):
            return False
        for v10v in v10.values():
            if not (isinstance(v10v, str) or v10v is None):
                return False
    if 'error' in v:
        v11 = v['error']
        if not (isinstance(v11, str) or v11 is None):
            return False
    return True

def task_state(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() >= _KEYS_104:
        return False
    if not v.keys() <= _KEYS_105:
        return False
    v0 = v['id']
    if not isinstance(v0, str):
        return False
    if len(v0) > 3:
        return False
    if not is_task_id(v0):
        return False
    v1 = v['name']
    if not isinstance(v1, str):
        return False
    if len(v1) < 1:
        return False
    v2 = v['phase']
    if not isinstance(v2, str):
        return False
    if len(v2) < 1:
        return False
    v3 = v['status']
    if not v3 in ('pending', 'in_progress', 'paused', 'needs_review', 'completed', 'abandoned'):
        return False
    v4 = v['created_at']
    if not isinstance(v4, str):
        return False
    if not is_time(v4):
        return False
    if 'started_at' in v:
        v5 = v['started_at']
        if not isinstance(v5, str):
            return False
        if not is_time(v5):
            return False
    v6 = v['updated_at']
    if not isinstance(v6, str):
        return False
    if not is_time(v6):
        return False
    if 'completed_at' in v:
        v7 = v['completed_at']
        if not isinstance(v7, str):
            return False
        if not is_time(v7):
            return False
    v8 = v['iteration']
    if not (isinstance(v8, int) and not isinstance(v8, bool)):
        return False
    if v8 < 1:
        return False
    v9 = v['assigned_agent']
    if not isinstance(v9, str):
        return False
    if len(v9) < 1:
        return False
    if 'session_id' in v:
        v10 = v['session_id']
        if not isinstance(v10, str):
            return False
    v11 = v['inputs']
    if not isinstance(v11, list):
        return False
    for v11i in v11:
        if not artifact_state(v11i):
            return False
    v12 = v['outputs']
    if not isinstance(v12, list):
        return False
    for v12i in v12:
        if not artifact_state(v12i):
            return False
    if 'metadata' in v:
        v13 = v['metadata']
        if not isinstance(v13, dict):
            return False
    if 'priority' in v:
        v14 = v['priority']
        if not v14 in ('critical', 'high', 'normal', 'low'):
            return False
    if 'depends_on' in v:
        v15 = v['depends_on']
        if not isinstance(v15, list):
            return False
        for v15i in v15:
            if not isinstance(v15i, str):
                return False
            if len(v15i) > 3:
                return False
            if not is_task_id(v15i):
                return False
        if len(set(v15)) != len(v15):
            return False
    if 'task_type' in v:
        v16 = v['task_type']
        if not isinstance(v16, str):
            return False
        if len(v16) < 1:
            return False
    if 'params' in v:
        v17 = v['params']
        if not isinstance(v17, dict):
            return False
    if 'executor' in v:
        v18 = v['executor']
        if not isinstance(v18, str):
            return False
        if len(v18) < 1:
            return False
    if 'not_before' in v:
        v19 = v['not_before']
        if not isinstance(v19, str):
            return False
        if not is_time(v19):
            return False
    if 'fresh' in v:
        v20 = v['fresh']
        if not isinstance(v20, bool):
            return False
    if 'answer' in v:
        v21 = v['answer']
        if not isinstance(v21, dict):
            return False
        if not v21.keys() >= _KEYS_106:
            return False
        if not v21.keys() <= _KEYS_106:
            return False
        v210 = v21['text']
        if not isinstance(v210, str):
            return False
        if len(v210) < 1:
            return False
        v211 = v21['by']
        if not isinstance(v211, str):
            return False
        if len(v211) < 1:
            return False
        v212 = v21['at']
        if not isinstance(v212, str):
            return False
        if not is_time(v212):
            return False
    if 'approval' in v:
        v22 = v['approval']
        if not isinstance(v22, dict):
            return False
        if not v22.keys() >= _KEYS_107:
            return False
        if not v22.keys() <= _KEYS_107:
            return False
        v220 = v22['by']
        if not isinstance(v220, str):
            return False
        if len(v220) < 1:
            return False
        v221 = v22['at']
        if not isinstance(v221, str):
            return False
        if not is_time(v221):
            return False
    if 'worktree' in v:
        v23 = v['worktree']
        if not isinstance(v23, str):
            return False
        if len(v23) < 1:
            return False
    if 'question' in v:
        v24 = v['question']
        if not isinstance(v24, dict):
            return False
        if not v24.keys() >= _KEYS_108:
            return False
        if not v24.keys() <= _KEYS_109:
            return False
        v240 = v24['text']
        if not isinstance(v240, str):
            return False
        if len(v240) < 1:
            return False
        if 'options' in v24:
            v241 = v24['options']
            if not isinstance(v241, list):
                return False
            for v241i in v241:
                if not isinstance(v241i, str):
                    return False
                if len(v241i) < 1:
                    return False
        v242 = v24['kind']
        if not v242 in ('question', 'permission', 'failure', 'cap'):
            return False
        v243 = v24['by']
        if not isinstance(v243, str):
            return False
        if len(v243) < 1:
            return False
        v244 = v24['asked_at']
        if not isinstance(v244, str):
            return False
        if not is_time(v244):
            return False
    if 'error' in v:
        v25 = v['error']
        if not task_error(v25):
            return False
    if 'error_detail' in v:
        v26 = v['error_detail']
        if not isinstance(v26, dict):
            return False
    if 'result' in v:
        v27 = v['result']
        if not result(v27):
            return False
    if 'attempts' in v:
        v28 = v['attempts']
        if not (isinstance(v28, int) and not isinstance(v28, bool)):
            return False
        if v28 < 0:
            return False
    if 'base' in v:
        v29 = v['base']
        if not isinstance(v29, str):
            return False
        if len(v29) < 1:
            return False
    if 'branch' in v:
        v30 = v['branch']
        if not isinstance(v30, str):
            return False
        if len(v30) < 1:
            return False
    if 'commit' in v:
        v31 = v['commit']
        if not isinstance(v31, str):
            return False
        if len(v31) < 1:
            return False
    return True

def user_config(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() <= _KEYS_110:
        return False
    if 'agents' in v:
        v0 = v['agents']
        if not isinstance(v0, dict):
            return False
        if not v0.keys() <= _KEYS_111:
            return False
        if 'executors' in v0:
            v00 = v0['executors']
            if not isinstance(v00, dict):
                return False
            for v00v in v00.values():
                if not isinstance(v00v, dict):
                    return False
                if not v00v.keys() >= _KEYS_84:
                    return False
                if not v00v.keys() <= _KEYS_112:
                    return False
                v00v0 = v00v['type']
                if not isinstance(v00v0, str):
                    return False
                if len(v00v0) < 1:
                    return False
                if 'settings' in v00v:
                    v00v1 = v00v['settings']
                    if not isinstance(v00v1, dict):
                        return False
                    if 'yolo_mode' in v00v1:
                        v00v10 = v00v1['yolo_mode']
                        if not isinstance(v00v10, bool):
                            return False
                    if 'model' in v00v1:
                        v00v11 = v00v1['model']
                        if not isinstance(v00v11, str):
                            return False
                        if len(v00v11) < 1:
                            return False
                    if 'max_turns' in v00v1:
                        v00v12 = v00v1['max_turns']
                        if not (isinstance(v00v12, int) and not isinstance(v00v12, bool)):
                            return False
                        if v00v12 < 1:
                            return False
                    if 'max_seconds' in v00v1:
                        v00v13 = v00v1['max_seconds']
                        if not (isinstance(v00v13, (int, float)) and not isinstance(v00v13, bool)):
                            return False
                        if v00v13 <= 0:
                            return False
                    if 'max_budget_usd' in v00v1:
                        v00v14 = v00v1['max_budget_usd']
                        if not (isinstance(v00v14, (int, float)) and not isinstance(v00v14, bool)):
                            return False
                        if v00v14 <= 0:
                            return False
                    if 'max_tokens' in v00v1:
                        v00v15 = v00v1['max_tokens']
                        if not (isinstance(v00v15, int) and not isinstance(v00v15, bool)):
                            return False
                        if v00v15 < 1:
                            return False
                    if 'max_memory' in v00v1:
                        v00v16 = v00v1['max_memory']
                        if not ((isinstance(v00v16, int) and not isinstance(v00v16, bool)) or isinstance(v00v16, str)):
                            return False
                        if isinstance(v00v16, str):
                            if not is_size(v00v16):
                                return False
                        if (isinstance(v00v16, (int, float)) and not isinstance(v00v16, bool)):
                            if v00v16 < 1:
                                return False
                if 'custom_args' in v00v:
                    v00v2 = v00v['custom_args']
                    if not isinstance(v00v2, list):
                        return False
                    for v00v2i in v00v2:
                        if not isinstance(v00v2i, str):
                            return False
        if 'bindings' in v0:
            v01 = v0['bindings']
            if not isinstance(v01, dict):
                return False
            for v01v in v01.values():
                if not isinstance(v01v, str):
                    return False
                if len(v01v) < 1:
                    return False
    if 'limits' in v:
        v1 = v['limits']
        if not isinstance(v1, dict):
            return False
        if not v1.keys() <= _KEYS_113:
            return False
        if 'hold_at' in v1:
            v10 = v1['hold_at']
            if not (isinstance(v10, (int, float)) and not isinstance(v10, bool)):
                return False
            if v10 > 100:
                return False
            if v10 <= 0:
                return False
    return True

def workspace_config(v: object) -> bool:
    if not isinstance(v, dict):
        return False
    if not v.keys() <= _KEYS_114:
        return False
    if 'stages' in v:
        v0 = v['stages']
        if not isinstance(v0, dict):
            return False
        for v0v in v0.values():
            if not stage(v0v):
                return False
    if 'jobs' in v:
        v1 = v['jobs']
        if not (isinstance(v1, int) and not isinstance(v1, bool)):
            return False
        if v1 < 1:
            return False
        if v1 > 256:
            return False
    if 'keep_tmp' in v:
        v2 = v['keep_tmp']
        if not v2 in ('failed', 'always', 'never'):
            return False
    if 'keep_runs' in v:
        v3 = v['keep_runs']
        if not v3 in ('failed', 'always', 'never'):
            return False
    if 'stale_lock_seconds' in v:
        v4 = v['stale_lock_seconds']
        if not (isinstance(v4, (int, float)) and not isinstance(v4, bool)):
            return False
        if v4 <= 0:
            return False
    if 'grace_seconds' in v:
        v5 = v['grace_seconds']
        if not (isinstance(v5, (int, float)) and not isinstance(v5, bool)):
            return False
        if v5 < 0:
            return False
    return True

CHECKS = {
    "artifact_state": artifact_state,
    "attempt": attempt,
    "event": event,
    "limit_pool": limit_pool,
    "phase_file": phase_file,
    "phase_state": phase_state,
    "project_file": project_file,
    "project_state": project_state,
    "project_type": project_type,
    "repository_config": repository_config,
    "result": result,
    "stage": stage,
    "task_error": task_error,
    "task_file": task_file,
    "task_state": task_state,
    "user_config": user_config,
    "workspace_config": workspace_config,
}
