import datetime
from cascade.backends.llama.chat.format import ChatFormat
cache={}
def fmt(text,bos="",eos=""):
    key=(text,bos,eos)
    if key not in cache: cache[key]=ChatFormat.from_template(text,bos_token=bos,eos_token=eos)
    return cache[key]
def render(name, text, messages, tools, bos_token, eos_token, *, add_generation_prompt=True, now=None, chat_template_kwargs=None, enable_thinking=None, continue_final_message="none",**_):
    return fmt(text,bos_token,eos_token).render(messages, tools, add_generation_prompt=add_generation_prompt, now=datetime.datetime.fromisoformat(now) if now else None, enable_thinking=enable_thinking, extra=chat_template_kwargs,adapt=False,continue_final_message=continue_final_message)
def parse(name, text, tools, raw, *, generation_prompt="", reasoning_format="auto", json_schema=None, continue_final_message="none", messages=(), **_):
    f=fmt(text)
    prefill=messages[-1]["content"] if continue_final_message=="content" else ""
    p=f.parse(raw, tools, generation_prompt=generation_prompt, prefill=prefill, keep_thoughts_inline=reasoning_format=="none", structured=json_schema is not None)
    return {"content":p.content,"reasoning_content":p.reasoning,"tool_calls":[{"name":c.name,"arguments":c.arguments,"id":c.id or ""} for c in p.calls]}
def grammar(name, text, tools, *, tool_choice="auto", parallel_tool_calls=True, generation_prompt="", **_):
    g=fmt(text).grammar(tools, tool_choice=tool_choice, parallel=parallel_tool_calls, generation_prompt=generation_prompt)
    return {"gbnf":g.gbnf,"lazy":g.lazy,"triggers":[*g.trigger_words,*({"type":"pattern","value":p} for p in g.trigger_patterns)]}
