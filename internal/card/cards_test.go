package card

// modelCard and datasetCard are made up, in the shape that cards on public hubs have.
const modelCard = `---
license: apache-2.0
language:
- en
- no
library_name: transformers
pipeline_tag: text-generation
base_model: northwind/Fjord-7B
base_model_relation: finetune
tags:
- chat
- dpo
- chat
datasets:
- northwind/helpful-dialogues
metrics:
- accuracy
date: 2024-05-01
extra_gated_heading: "Please tell us who you are"
extra_gated_fields:
  Name: text
  Country: country
  I want to use this model for:
    type: select
    options:
      - Research
      - label: Other
        value: other
  I agree to the terms: checkbox
model-index:
- name: Fjord-7B-Chat
  results:
  - task:
      type: text-generation
      name: Text Generation
    dataset:
      name: GSM8k (5-shot)
      type: gsm8k
      config: main
      split: test
      args:
        num_few_shot: 5
    metrics:
    - type: acc
      value: 62.85
      name: accuracy
---

# Fjord 7B Chat

Trained with [DPO](https://arxiv.org/abs/2305.18290), see also arXiv:2310.06825v3 and <https://arxiv.org/pdf/2305.18290>.
`

const datasetCard = `---
annotations_creators:
- crowdsourced
language: [en, zh]
license: cc-by-sa-4.0
multilinguality: monolingual
pretty_name: "Harbour Questions"
size_categories:
- 10K<n<100K
source_datasets:
- original
task_categories:
- question-answering
task_ids: [extractive-qa]
configs:
- config_name: plain_text
  default: true
  data_files:
  - split: train
    path: plain_text/train-*
  - split: validation
    path: ["plain_text/validation-*"]
- config_name: '2024'
  data_files: "extra/*.parquet"
dataset_info:
  config_name: plain_text
  features:
  - name: id
    dtype: string
  - name: score
    dtype: float32
  - name: answers
    sequence:
    - name: answer_start
      dtype: int32
  splits:
  - name: train
    num_bytes: 79346108
    num_examples: 87599
---
# Dataset Card

Paper: https://huggingface.co/papers/1606.05250
`

const spaceCard = `---
title: Harbour Chat
emoji: 🚢
colorFrom: indigo
colorTo: pink
sdk: gradio
sdk_version: 5.1
app_file: app.py
pinned: false
short_description: Talk to the harbour
models: [northwind/Fjord-7B]
---
`
